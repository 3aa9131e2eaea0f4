#!/usr/bin/python3
"""Makes onvif-dialogues.pcap: a real ONVIF client at a server that answers as real cameras once did.

sudo pcaps/onvif-dialogues.py pcaps/onvif-dialogues.pcap FOLDER

The client is the npm package `onvif` 0.8.3. The server is the stand-in that the same package brought with it up to 0.6.2,
whose answers were taken from a camera of Texas Instruments' IPNC kind and from one of Hikvision.
Needs iproute2, ethtool, tcpdump, nodejs; and FOLDER, made by

    npm install --prefix FOLDER onvif@0.8.3 stand-in@npm:onvif@0.6.2 coffeescript@1.12.7 dot@1.1.3 xml2js@0.4.23
"""

import os
import signal
import subprocess
import sys

from dialogue import SERVER, record

PORT = 80
# Of the two events that the stand-in tells, the first becomes one of tampering: it has none of its own.
SERVE = """
const fs = require('fs');
const read = fs.readFileSync;
fs.readFileSync = (name, ...how) => String(name).endsWith('PullMessages.xml')
  ? read(name, 'utf8').replace('CellMotionDetector/Motion', 'TamperDetector/Tamper').replace('IsMotion', 'IsTamper')
  : read(name, ...how);
require('coffeescript/register');
require('stand-in/test/serverMockup.coffee');
"""
ASK = f"""
const {{ Cam }} = require('onvif');
const {{ promisify }} = require('util');
const ASKED = ['getDeviceInformation', 'getCapabilities', 'getHostname', 'getScopes', 'getServices', 'getNetworkInterfaces'];
new Cam({{ hostname: '{SERVER}', port: {PORT}, username: 'operator', password: 'hidden' }}, async function (error) {{
  if (error) throw error;
  for (const name of ASKED)
    await promisify(this[name]).call(this).catch(console.error);
  await promisify(this.getStreamUri).call(this, {{ protocol: 'RTSP' }}).catch(console.error);
  await promisify(this.createPullPointSubscription).call(this).catch(console.error);
  await promisify(this.pullMessages).call(this, {{}}).catch(console.error);
  process.exit();
}});
"""


def node(folder, program):
    environment = {**os.environ, "HOSTNAME": SERVER, "PORT": str(PORT)}
    os.chdir(folder)
    os.execvpe("node", ["node", "-e", program], environment)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        node(sys.argv[2], SERVE)
    elif sys.argv[1] == "--ask":
        node(sys.argv[2], ASK)
    else:
        here, folder = os.path.abspath(__file__), os.path.abspath(sys.argv[2])
        record(sys.argv[1], [f"{sys.executable} {here} --serve {folder}"], [(f"{sys.executable} {here} --ask {folder}", 20)], signal.SIGTERM)
