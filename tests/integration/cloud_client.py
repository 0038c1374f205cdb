# SPDX-License-Identifier: Apache-2.0
"""A plain client of the cloud simulator for tests: http.client, and the tokens and envelopes by hand."""
import base64
import http.client
import json
import ssl
import time
import urllib.parse
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

EXO = "https://outlook.office365.com/.default"
GRAPH = "https://graph.microsoft.com/.default"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assertion(pem_file, client_id, audience, algorithm="PS256", **claims):
    """A client assertion as MSAL makes it; claims override."""
    with open(pem_file, "rb") as text:
        pem = text.read()
    key = serialization.load_pem_private_key(pem, None)
    certificate = x509.load_pem_x509_certificate(pem)
    digest, name = (hashes.SHA256(), "x5t#S256") if algorithm == "PS256" else (hashes.SHA1(), "x5t")
    now = int(time.time())
    body = {"aud": audience, "iss": client_id, "sub": client_id, "jti": str(uuid.uuid4()), "nbf": now, "iat": now,
            "exp": now + 600}
    body.update(claims)
    header = {"alg": algorithm, "typ": "JWT", name: b64(certificate.fingerprint(digest))}
    signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(body).encode())
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if algorithm == "PS256" else padding.PKCS1v15()
    return signed + "." + b64(key.sign(signed.encode(), scheme, hashes.SHA256()))


class Client:
    def __init__(self, info, app=0):
        self.info, self.app = info, info["apps"][app]
        self.tls = ssl.create_default_context(cafile=info["ca_file"])
        self.connection = None
        self.tokens = {}
        self.anchor = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@" + info["tenant"]

    def send(self, method, target, body=None, headers=None):
        if target.startswith("https://"):
            target = target[len(self.info["url"]):]
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.info["url"][8:], context=self.tls, timeout=30)
        try:
            self.connection.request(method, target, body, headers or {})
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except Exception:
            self.connection.close()
            self.connection = None
            raise

    def form(self, path, **fields):
        return self.send("POST", "/%s/oauth2/v2.0/%s" % (fields.pop("tenant", self.info["tenant"]), path),
                         urllib.parse.urlencode(fields),
                         {"Content-Type": "application/x-www-form-urlencoded"})

    def secret(self, scope=EXO, **fields):
        with open(self.app["secret_file"], encoding="utf-8") as text:
            given = {"client_id": self.app["client_id"], "client_secret": text.read(), "scope": scope,
                     "grant_type": "client_credentials"}
        given.update(fields)
        return self.form("token", **given)

    def token(self, scope=EXO):
        if scope not in self.tokens:
            self.tokens[scope] = self.secret(scope).json["access_token"]
        return self.tokens[scope]

    def control(self, name, value=None, method=None):
        answer = self.send(method or ("GET" if value is None else "POST"), "/_control/" + name,
                           None if value is None else json.dumps(value))
        assert answer.status == 200, answer.body
        return answer.json

    def invoke(self, cmdlet, parameters=None, target=None, select=None, headers=None, token=None):
        target = target or "/adminapi/beta/%s/InvokeCommand%s" % (
            self.info["tenant"], "?$select=" + select if select else "")
        body = json.dumps({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters or {}}})
        given = {"Authorization": "Bearer " + (token or self.token()),
                 "Content-Type": "application/json; charset=utf-8",
                 "X-AnchorMailbox": self.anchor}
        given.update(headers or {})
        return self.send("POST", target, body, {k: v for k, v in given.items() if v is not None})

    def rows(self, cmdlet, parameters=None, select=None, headers=None):
        """Follows every link. -> (rows, pages)."""
        out, pages, target = [], 0, None
        while True:
            answer = self.invoke(cmdlet, parameters, target, select, headers)
            assert answer.status == 200, answer.body
            out += answer.json["value"]
            pages += 1
            target = answer.json.get("@odata.nextLink")
            if not target:
                return out, pages

    def graph(self, method, target, body=None, headers=None, token=None):
        given = {"Authorization": "Bearer " + (token or self.token(GRAPH))}
        if body is not None:
            given["Content-Type"] = "application/json"
        given.update(headers or {})
        if not target.startswith("https://"):
            target = urllib.parse.quote(target, safe="/?&=$,()'@:%")
        return self.send(method, target, None if body is None else json.dumps(body), given)


def error_text(answer):
    """-> (exception type, text), from wherever in the error object they stand."""
    error = answer.json["error"]
    for detail in error.get("details") or []:
        parts = detail["message"].split("|", 2)
        if len(parts) == 3:
            return parts[1], parts[2]
    inner = error["innererror"]["internalexception"]
    return inner["type"], inner["message"]
