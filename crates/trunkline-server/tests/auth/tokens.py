"""Makes tokens.txt, the PEM files and keys.json with PyJWT, an implementation that is not ours:

    pip install PyJWT==2.15.1 cryptography && python3 tokens.py

Keys are new each time, so all files change together.
"""

import base64, hashlib, hmac, json, pathlib
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

HERE = pathlib.Path(__file__).parent
SECRET = "0123456789abcdef0123456789abcdef"
RSA = rsa.generate_private_key(65537, 2048)
P256, P384, P521 = (ec.generate_private_key(it()) for it in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
ED = ed25519.Ed25519PrivateKey.generate()
CLAIMS = {
    "sub": "alice", "exp": 1900000000, "iat": 1700000000, "jti": "1", "info": {"name": "Ж"},
    "meta": {"role": "admin"}, "channels": ["news"],
}


def pem(key, format=PublicFormat.SubjectPublicKeyInfo):
    return key.public_key().public_bytes(Encoding.PEM, format).decode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header, claims, sign=lambda signed: b""):
    """What PyJWT refuses to make."""
    signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return signed + "." + b64(sign(signed.encode()))


def hs256(key):
    return lambda signed: hmac.new(key.encode(), signed, hashlib.sha256).digest()


keys = {"HS": SECRET, "RS": RSA, "PS": RSA, "Ed": ED, "ES256": P256, "ES384": P384, "ES512": P521}
tokens = {}
for name in "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA".split():
    key = keys.get(name, keys.get(name[:2]))
    tokens[name] = jwt.encode(CLAIMS, key, name)
    tokens[name + "+kid"] = jwt.encode(CLAIMS, key, name, headers={"kid": "the-key"})
tokens["none"] = jwt.encode(CLAIMS, None, "none")
tokens["None"] = by_hand({"alg": "None"}, CLAIMS)
tokens["no alg"] = by_hand({"typ": "JWT"}, CLAIMS, hs256(SECRET))
tokens["HS256 with the RSA key"] = by_hand({"alg": "HS256"}, CLAIMS, hs256(pem(RSA)))
tokens["HS256 with the P-256 key"] = by_hand({"alg": "HS256"}, CLAIMS, hs256(pem(P256)))
tokens["crit"] = by_hand({"alg": "HS256", "crit": ["b64"], "b64": False}, CLAIMS, hs256(SECRET))
tokens["subscription"] = jwt.encode({"sub": "alice", "channel": "chat:1", "exp": 1900000000}, SECRET, "HS256")

for file, key in {"rsa": RSA, "p256": P256, "p384": P384, "p521": P521, "ed25519": ED}.items():
    (HERE / f"{file}.pem").write_text(pem(key))
(HERE / "rsa_pkcs1.pem").write_text(pem(RSA, PublicFormat.PKCS1))
jwks = [RSAAlgorithm.to_jwk(RSA.public_key()), ECAlgorithm.to_jwk(P256.public_key()),
        ECAlgorithm.to_jwk(P384.public_key()), ECAlgorithm.to_jwk(P521.public_key()),
        OKPAlgorithm.to_jwk(ED.public_key())]
jwks = [dict(json.loads(it), kid="the-key") for it in jwks]
(HERE / "keys.json").write_text(json.dumps({"keys": jwks}, indent=1) + "\n")
(HERE / "tokens.txt").write_text("".join(f"{name}\t{token}\n" for name, token in tokens.items()))
