# SPDX-License-Identifier: Apache-2.0
"""A small PSRP client over WSMan, for testing the simulated Exchange Server: written for this, sharing nothing with it.

    with Connection(url, ...) as connection, Session(connection) as session: session.run("Get-AcceptedDomain")
"""
import base64
import http.client
import os
import ssl
import struct
import urllib.parse
import uuid
import xml.etree.ElementTree as xml

import gssapi
import gssapi.raw
from cryptography import x509
from cryptography.hazmat.primitives import hashes

S, A, W = ("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/ws/2004/08/addressing",
           "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd")
RSP = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
SHELL = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
NS = {"s": S, "a": A, "w": W, "rsp": RSP, "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"}
TERMINATE = RSP + "/signal/Terminate"
CTRL_C = "powershell/signal/crtl_c"
TIMED_OUT = 2150858793
WIRE = 1 << 20   # so much of what came is kept for tests to look at
HOST = ('<Obj N="HostInfo" RefId="{0}"><MS><B N="_isHostNull">{1}</B><B N="_isHostUINull">{1}</B><B N="_isHostRawUINull">true</B>'
        '<B N="_useRunspaceHost">true</B></MS></Obj>')


class Fault(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Refused(Exception):
    """HTTP said no."""

    def __init__(self, status, headers, body):
        super().__init__(f"HTTP {status} {body[:300]!r}")
        self.status, self.headers = status, headers


class Connection:
    """One TCP connection. password: of Basic, or for a ticket of the KDC; scheme: Kerberos, Negotiate, Basic."""

    def __init__(self, url, user, password, scheme="Kerberos", ca_file=None, bind=True, krb5_config=None, seal=None):
        self.url = urllib.parse.urlsplit(url)
        self.scheme, self.user, self.password, self.bind = scheme, user, password, bind
        self.tls = self.url.scheme == "https"
        self.seal = scheme != "Basic" and not self.tls if seal is None else seal
        self.cookie, self.context, self.wire = None, None, b""
        if krb5_config:
            os.environ["KRB5_CONFIG"] = krb5_config
        if self.tls:
            self.link = http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=60,
                                                    context=ssl.create_default_context(cafile=ca_file))
        else:
            self.link = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def raw(self, body, headers):
        path = self.url.path + ("?" + self.url.query if self.url.query else "")
        if self.cookie:
            headers = dict(headers, Cookie=self.cookie)
        self.link.request("POST", path, body, headers)
        answer = self.link.getresponse()
        data = answer.read()
        if len(self.wire) < WIRE:
            self.wire += data
        if answer.getheader("Set-Cookie"):
            self.cookie = answer.getheader("Set-Cookie").split(";")[0]
        return answer, data

    # ---- Kerberos
    def bindings(self):
        if not self.tls or not self.bind:
            return None
        certificate = x509.load_der_x509_certificate(self.link.sock.getpeercert(True))
        return gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256()))

    def sign_in(self):
        self.link.connect()
        mech = gssapi.MechType.kerberos if self.scheme == "Kerberos" else gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
        name = gssapi.Name(self.user, gssapi.NameType.user)
        ticket = gssapi.raw.acquire_cred_with_password(name, self.password.encode(), mechs=[mech], usage="initiate").creds
        flags = gssapi.RequirementFlag
        self.context = gssapi.SecurityContext(
            name=gssapi.Name("HTTP@" + self.url.hostname, gssapi.NameType.hostbased_service), creds=ticket, mech=mech, usage="initiate",
            flags=flags.mutual_authentication | flags.confidentiality | flags.integrity | flags.replay_detection
            | flags.out_of_sequence_detection, channel_bindings=self.bindings())
        token = self.context.step()
        while token:
            answer, data = self.raw(b"", {"Authorization": f"{self.scheme} {base64.b64encode(token).decode()}", "Content-Length": "0"})
            offered = [value for name, value in answer.getheaders() if name.lower() == "www-authenticate"]
            reply = next((value.split(" ", 1)[1] for value in offered if value.lower().startswith(self.scheme.lower() + " ")), None)
            if answer.status != 200 and not reply:
                raise Refused(answer.status, answer.getheaders(), data)
            token = self.context.step(base64.b64decode(reply)) if reply else None
        assert self.context.complete

    @property
    def protocol(self):
        return "application/HTTP-%s-session-encrypted" % ("Kerberos" if self.scheme == "Kerberos" else "SPNEGO")

    def wrapped(self, text):
        kind = gssapi.raw.IOVBufferType
        iov = gssapi.raw.IOV(kind.header, (kind.data, text), kind.padding, std_layout=False)
        gssapi.raw.wrap_iov(self.context, message=iov, confidential=True, qop=None)
        header, sealed, padding = iov[0].value, iov[1].value, iov[2].value or b""
        head = (f"--Encrypted Boundary\r\n\tContent-Type: {self.protocol}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;"
                f"Length={len(text) + len(padding)}\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n")
        return head.encode() + struct.pack("<I", len(header)) + header + sealed + padding + b"--Encrypted Boundary--\r\n"

    def unwrapped(self, data):
        marker = b"Content-Type: application/octet-stream\r\n"
        head, body = data[:data.index(marker)], data[data.index(marker) + len(marker):]
        length = int(head.split(b"Length=")[1].split(b"\r")[0])
        size = struct.unpack_from("<I", body)[0]
        kind = gssapi.raw.IOVBufferType
        iov = gssapi.raw.IOV((kind.header, False, body[4:4 + size]), (kind.data, False, body[4 + size:4 + size + length]),
                             (kind.data, False, b""), std_layout=False)
        result = gssapi.raw.unwrap_iov(self.context, message=iov)
        assert result.encrypted
        return iov[1].value

    def send(self, text):
        """One envelope there, one back: (status, bytes)."""
        headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
        if self.scheme == "Basic":
            headers["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        elif self.context is None:
            self.sign_in()
        body = text.encode()
        if self.seal:
            headers["Content-Type"] = f'multipart/encrypted;protocol="{self.protocol}";boundary="Encrypted Boundary"'
            body = self.wrapped(body)
        answer, data = self.raw(body, headers)
        kind = answer.getheader("Content-Type", "")
        if kind.startswith("multipart/encrypted"):
            return answer.status, self.unwrapped(data)
        if not kind.startswith("application/soap+xml"):
            raise Refused(answer.status, answer.getheaders(), data)
        assert not self.seal, "the answer to a sealed request is not sealed"
        return answer.status, data


# ---- CLIXML

def unescape(text):
    out, at = [], 0
    while at < len(text):
        if text[at:at + 2].lower() == "_x" and text[at + 6:at + 7] == "_":
            try:
                out.append(chr(int(text[at + 2:at + 6], 16)))
                at += 7
                continue
            except ValueError:
                pass
        out.append(text[at])
        at += 1
    return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16")


def value(node, seen):
    """Text, numbers, lists; an object as a dictionary with its text under None."""
    kind = node.tag.rsplit("}", 1)[-1]
    text = node.text or ""
    if kind in ("I32", "I64", "U32"):
        return int(text)
    if kind == "B":
        return text == "true"
    if kind == "Nil":
        return None
    if kind == "BA":
        return base64.b64decode(text)
    if kind == "Ref":
        return seen[node.get("RefId")]
    if kind == "DCT":
        return {value(pair[0], seen): value(pair[1], seen) for pair in node}
    if kind in ("LST", "IE"):
        return [value(child, seen) for child in node]
    if kind != "Obj":
        return unescape(text)
    out = seen[node.get("RefId")] = {}
    for child in node:
        part = child.tag.rsplit("}", 1)[-1]
        if part in ("Props", "MS"):
            out.update({unescape(one.get("N")): value(one, seen) for one in child})
        elif part == "TN":
            seen["types", child.get("RefId")] = out["", "types"] = [t.text for t in child]
        elif part == "TNRef":
            out["", "types"] = seen["types", child.get("RefId")]
        elif part == "ToString":
            out[None] = unescape(child.text or "")
        elif part in ("LST", "IE", "DCT"):
            return value(child, seen)
        else:
            out["", "base"] = value(child, seen)
    return out


def escape(text):
    return text.replace("_x", "_x005F_x").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def parameter(number, name, given):
    label = f'<S N="N">{escape(name)}</S>' if name else '<Nil N="N"/>'
    if isinstance(given, bool):
        body = f'<B N="V">{str(given).lower()}</B>'
    elif given is None:
        body = '<Nil N="V"/>'
    elif isinstance(given, list):
        items = "".join(f"<S>{escape(str(one))}</S>" for one in given)
        body = f'<Obj N="V" RefId="{number + 1}"><TN RefId="9"><T>System.Object[]</T></TN><LST>{items}</LST></Obj>'
    elif isinstance(given, dict):
        pairs = "".join(f'<En><S N="Key">{escape(k)}</S><S N="Value">{escape(v)}</S></En>' for k, v in given.items())
        body = f'<Obj N="V" RefId="{number + 1}"><TN RefId="9"><T>System.Collections.Hashtable</T></TN><DCT>{pairs}</DCT></Obj>'
    else:
        body = f'<S N="V">{escape(str(given))}</S>'
    return f'<Obj RefId="{number}"><MS>{label}{body}</MS></Obj>'


def command(name, parameters, script=False):
    merge = "".join(f'<Obj N="Merge{one}" RefId="{30 + i}"><ToString>None</ToString><I32>0</I32></Obj>' for i, one in enumerate(
        ("MyResult", "ToResult", "PreviousResults", "Error", "Warning", "Verbose", "Debug", "Information")))
    given = "".join(parameter(100 + 2 * i, key, one) for i, (key, one) in enumerate(parameters.items()))
    return (f'<Obj RefId="60"><MS><S N="Cmd">{escape(name)}</S><B N="IsScript">{str(script).lower()}</B><Nil N="UseLocalScope"/>{merge}'
            f'<Obj N="Args" RefId="61"><LST>{given}</LST></Obj></MS></Obj>')


def create_pipeline(commands, interactive):
    host = HOST.format(3, str(not interactive).lower())
    return (f'<Obj RefId="0"><MS><B N="NoInput">true</B><B N="AddToHistory">false</B>{host}<B N="IsNested">false</B>'
            f'<Obj N="PowerShell" RefId="4"><MS><B N="IsNested">false</B><Nil N="ExtraCmds"/><Obj N="Cmds" RefId="5"><LST>{commands}</LST>'
            '</Obj><Nil N="History"/><B N="RedirectShellErrorOutputPipe">false</B></MS></Obj></MS></Obj>')


class Result:
    def __init__(self):
        self.output, self.errors, self.warnings, self.progress, self.calls, self.state, self.failure = [], [], [], [], [], None, None
        self.others, self.fragments, self.receives = [], 0, 0


class Session:
    """A runspace pool. answer: index of the choice that prompts get, or None to refuse them."""

    def __init__(self, connection, version="2.3", envelope=153600, small=None, operation_seconds=2, open=True):
        self.connection, self.version, self.envelope, self.small = connection, version, envelope, small
        self.operation_seconds, self.id, self.sent, self.pending, self.seen = operation_seconds, str(uuid.uuid4()).upper(), 0, {}, 0
        self.expired = 0
        if open:
            self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.exchange(TRANSFER + "/Delete", "")
        except (Fault, Refused, OSError, http.client.HTTPException, gssapi.exceptions.GSSError):
            pass

    # ---- SOAP
    def exchange(self, action, body, options=""):
        message = "uuid:" + str(uuid.uuid4()).upper()
        selectors = "" if action.endswith("/Create") else f'<w:SelectorSet><w:Selector Name="ShellId">{self.id}</w:Selector></w:SelectorSet>'
        status, data = self.connection.send(
            f'<s:Envelope xmlns:s="{S}" xmlns:a="{A}" xmlns:w="{W}" xmlns:rsp="{RSP}"><s:Header><a:Action>{action}</a:Action>'
            f"<w:MaxEnvelopeSize>{self.envelope}</w:MaxEnvelopeSize><a:MessageID>{message}</a:MessageID>"
            f"<w:OperationTimeout>PT{self.operation_seconds}S</w:OperationTimeout><a:ReplyTo><a:Address>{A}/role/anonymous</a:Address></a:ReplyTo>"
            f"<w:ResourceURI>{SHELL}</w:ResourceURI><a:To>http://exchange/PowerShell/</a:To>{options}{selectors}</s:Header>"
            f"<s:Body>{body}</s:Body></s:Envelope>")
        assert len(data) <= self.envelope, "an answer larger than MaxEnvelopeSize"
        root = xml.fromstring(data)
        fault = root.find(".//f:WSManFault", NS)
        if fault is not None:
            raise Fault(int(fault.get("Code")), "".join(fault.itertext()))
        assert status == 200 and root.find("s:Header/a:RelatesTo", NS).text == message
        return root

    # ---- fragments
    def fragments(self, kind, pipeline, body):
        """The message as a list of fragments, cut small when asked."""
        data = struct.pack("<II", 2, kind) + uuid.UUID(self.id).bytes_le + uuid.UUID(pipeline).bytes_le + body.encode()
        self.sent += 1
        room = (self.small or 32768) - 21
        pieces = [data[i:i + room] for i in range(0, len(data), room)]
        return [struct.pack(">QQBI", self.sent, n, (n == 0) | 2 * (n == len(pieces) - 1), len(piece)) + piece
                for n, piece in enumerate(pieces)]

    def take(self, blob, result):
        at = 0
        while at < len(blob):
            number, fragment, flags, length = struct.unpack_from(">QQBI", blob, at)
            assert number > 0 and length <= len(blob) - at - 21
            if flags & 1:
                assert number > self.seen and fragment == 0, "object ids ascend"
                self.seen, self.pending[number] = number, []
            assert len(self.pending[number]) == fragment
            self.pending[number].append(blob[at + 21:at + 21 + length])
            at += 21 + length
            result.fragments += 1
            if flags & 2:
                self.message(b"".join(self.pending.pop(number)), result)

    def message(self, data, result):
        target, kind = struct.unpack_from("<II", data)
        assert target == 1
        body = data[40:]
        assert body[:3] == b"\xef\xbb\xbf"
        given = value(xml.fromstring(body[3:]), {})
        place = {0x41004: result.output, 0x41005: result.errors, 0x41009: result.warnings, 0x41010: result.progress,
                 0x41100: result.calls}.get(kind)
        if kind == 0x41006:
            result.state, result.failure = given["PipelineState"], given.get("ExceptionAsErrorRecord")
        elif place is not None:
            place.append(given)
        else:
            result.others.append((kind, given, uuid.UUID(bytes_le=data[8:24])))

    def receive(self, result, pipeline=None):
        """One Receive; True when the command is done."""
        label = f' CommandId="{pipeline}"' if pipeline else ""
        root = self.exchange(RSP + "/Receive", f"<rsp:Receive><rsp:DesiredStream{label}>stdout</rsp:DesiredStream></rsp:Receive>")
        result.receives += 1
        for stream in root.iterfind(".//rsp:Stream", NS):
            self.take(base64.b64decode(stream.text), result)
        state = root.find(".//rsp:CommandState", NS)
        return state is not None and state.get("State").endswith("/Done")

    # ---- the session
    def open(self):
        init = ('<Obj RefId="0"><MS><I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">1</I32>' + HOST.format(3, "true")
                + '<Nil N="ApplicationArguments"/></MS></Obj>')
        capability = ('<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
                      '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>')
        zero = str(uuid.UUID(int=0))
        creation = b"".join(self.fragments(0x10002, zero, capability) + self.fragments(0x10004, zero, init))
        options = f'<w:OptionSet><w:Option Name="protocolversion" MustComply="true">{self.version}</w:Option></w:OptionSet>'
        root = self.exchange(TRANSFER + "/Create", (
            f'<rsp:Shell ShellId="{self.id}"><rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams>'
            f'<creationXml xmlns="http://schemas.microsoft.com/powershell">{base64.b64encode(creation).decode()}</creationXml></rsp:Shell>'), options)
        self.id = root.find(".//w:Selector[@Name='ShellId']", NS).text
        result = self.opening = Result()
        while not any(kind == 0x21005 for kind, _, _ in result.others):
            try:
                self.receive(result)
            except Fault as fault:
                if fault.code != TIMED_OUT:
                    raise
        assert result.others[-1][1]["RunspaceState"] == 2

    def start(self, name, parameters=None, interactive=False, script=False, raw_commands=None):
        pipeline = str(uuid.uuid4()).upper()
        text = create_pipeline(raw_commands or command(name, parameters or {}, script), interactive)
        first, *rest = self.fragments(0x21006, pipeline, text)
        root = self.exchange(RSP + "/Command", (f'<rsp:CommandLine CommandId="{pipeline}"><rsp:Command/><rsp:Arguments>'
                                                f"{base64.b64encode(first).decode()}</rsp:Arguments></rsp:CommandLine>"))
        assert root.find(".//rsp:CommandId", NS).text == pipeline
        for piece in rest:
            self.exchange(RSP + "/Send", (f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{pipeline}">{base64.b64encode(piece).decode()}'
                                          "</rsp:Stream></rsp:Send>"))
        return pipeline

    def signal(self, pipeline, code=TERMINATE):
        self.exchange(RSP + "/Signal", f'<rsp:Signal CommandId="{pipeline}"><rsp:Code>{code}</rsp:Code></rsp:Signal>')

    def finish(self, pipeline, answer=None):
        """Everything until Done."""
        result, answered = Result(), 0
        while True:
            try:
                done = self.receive(result, pipeline)
            except Fault as fault:
                if fault.code != TIMED_OUT:
                    raise
                self.expired += 1
                continue
            for call in result.calls[answered:]:
                if call["ci"] != -100:
                    self.respond(pipeline, call, answer)
            answered = len(result.calls)
            if done:
                assert not self.pending, "an object that has no end"
                return result

    def respond(self, pipeline, call, answer):
        given = '<Obj N="me" RefId="2"><MS><S N="FullyQualifiedErrorId">RemoteHostExecutionException</S></MS></Obj>' if answer is None else (
            f'<I32 N="mr">{answer}</I32>')
        body = (f'<Obj RefId="0"><MS><I64 N="ci">{call["ci"]}</I64><Obj N="mi" RefId="1"><ToString>PromptForChoice</ToString><I32>26</I32></Obj>'
                f"{given}</MS></Obj>")
        blob = b"".join(self.fragments(0x41101, pipeline, body))
        self.exchange(RSP + "/Send", (f'<rsp:Send><rsp:Stream Name="pr" CommandId="{pipeline}">{base64.b64encode(blob).decode()}</rsp:Stream>'
                                      "</rsp:Send>"))

    def run(self, name, parameters=None, answer=None, interactive=False, script=False):
        pipeline = self.start(name, parameters, interactive, script)
        result = self.finish(pipeline, answer)
        self.signal(pipeline)
        return result
