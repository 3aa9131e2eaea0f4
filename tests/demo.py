#!/usr/bin/env python3
"""Ends the demo: reads a JSON report and says which camera is dark and whose turn it is."""

import json
import sys

report = json.load(sys.stdin)
offline = [finding for finding in report["findings"] if finding["kind"] == "device-offline"]
if not offline:
    sys.exit("The sample shows no device that went dark: something is broken.")
first = min(offline, key=lambda finding: finding["first_seen"])
print(first["summary"])
