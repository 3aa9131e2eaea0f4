"""What devices of the attacks' site run where no Debian package does it by itself, and the ONVIF client.

`victims.py rtsp PATH basic|digest|none [REALM ACCOUNT PASSWORD]`: GStreamer's RTSP server, as the other sites' cameras run it.
`victims.py onvif ACCOUNT PASSWORD`: a device service that answers GetDeviceInformation to who shows a UsernameToken of either form.
`victims.py ask URL ACCOUNT PASSWORD text|digest`: asks it by zeep, the SOAP library that Python's ONVIF clients are made with.
"""

import base64
import hashlib
import http.server
import re
import sys
import tempfile

WSDL = """<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap12/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
 targetNamespace="http://www.onvif.org/ver10/device/wsdl">
<wsdl:types><xs:schema targetNamespace="http://www.onvif.org/ver10/device/wsdl" elementFormDefault="qualified">
<xs:element name="GetDeviceInformation"><xs:complexType><xs:sequence/></xs:complexType></xs:element>
<xs:element name="GetDeviceInformationResponse"><xs:complexType><xs:sequence>
<xs:element name="Manufacturer" type="xs:string"/><xs:element name="Model" type="xs:string"/>
<xs:element name="FirmwareVersion" type="xs:string"/><xs:element name="SerialNumber" type="xs:string"/>
<xs:element name="HardwareId" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:schema></wsdl:types>
<wsdl:message name="ask"><wsdl:part name="parameters" element="tds:GetDeviceInformation"/></wsdl:message>
<wsdl:message name="answer"><wsdl:part name="parameters" element="tds:GetDeviceInformationResponse"/></wsdl:message>
<wsdl:portType name="Device"><wsdl:operation name="GetDeviceInformation"><wsdl:input message="tds:ask"/>
<wsdl:output message="tds:answer"/></wsdl:operation></wsdl:portType>
<wsdl:binding name="DeviceBinding" type="tds:Device"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<wsdl:operation name="GetDeviceInformation">
<soap:operation soapAction="http://www.onvif.org/ver10/device/wsdl/GetDeviceInformation"/>
<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding>
</wsdl:definitions>"""
ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
<tds:GetDeviceInformationResponse xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><tds:Manufacturer>Spanwatch lab</tds:Manufacturer>
<tds:Model>L1</tds:Model><tds:FirmwareVersion>1.0</tds:FirmwareVersion><tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>
</tds:GetDeviceInformationResponse></s:Body></s:Envelope>"""
REFUSED = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault>
<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>
<s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"""


def rtsp(path: str, auth: str, realm: str = "", account: str = "", password: str = "") -> None:
    import camera
    import plan

    one = plan.Rtsp(path, auth=auth, realm=realm, account=account, password=password, server=None)
    plan.device = lambda _name: plan.Device("victim", "camera", "", "", "", "", "", "", rtsp=one)
    sys.argv[1:] = ["victim"]
    camera.main()


def onvif(account: str, password: str) -> None:
    class Service(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_known = may(asked, account, password)
            body = (ANSWER if is_known else REFUSED).encode()
            self.send_response(200 if is_known else 400)
            self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    http.server.ThreadingHTTPServer(("", 80), Service).serve_forever()


def may(asked: str, account: str, password: str) -> bool:
    """Whether a request bears the account's token (OASIS, UsernameToken profile 1.1, 3.1)."""

    def told(name: str) -> str:
        found = re.search(rf"<(?:\w+:)?{name}(?: [^>]*)?>([^<]*)</", asked)
        return found[1] if found else ""

    due = password
    if "#PasswordDigest" in asked:
        salted = base64.b64decode(told("Nonce")) + told("Created").encode() + password.encode()
        due = base64.b64encode(hashlib.sha1(salted).digest()).decode()
    return (told("Username"), told("Password")) == (account, due)


def ask(url: str, account: str, password: str, form: str) -> None:
    import zeep
    from zeep.wsse.username import UsernameToken

    with tempfile.NamedTemporaryFile(suffix=".wsdl") as file:
        file.write(WSDL.encode())
        file.flush()
        client = zeep.Client(file.name, wsse=UsernameToken(account, password, use_digest=form == "digest"))
        service = client.create_service("{http://www.onvif.org/ver10/device/wsdl}DeviceBinding", url)
        print(service.GetDeviceInformation())


if __name__ == "__main__":
    {"rtsp": rtsp, "onvif": onvif, "ask": ask}[sys.argv[1]](*sys.argv[2:])
