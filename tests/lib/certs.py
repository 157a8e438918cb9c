"""Certificates for tests, made by the openssl command in a directory of one's own."""

import os
import shutil
import subprocess
import tempfile


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Certificates:
    """Authorities and what they sign; each as (certificate's path, key's path)."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="taskhost-test-")

    def remove(self):
        shutil.rmtree(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def authority(self, name):
        cert, key = self.path(name + ".pem"), self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", cert)
        return cert, key

    def self_signed(self, name, subject="localhost"):
        cert, key = self.path(name + ".pem"), self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={subject}", "-addext",
                f"subjectAltName=DNS:{subject}", "-keyout", key, "-out", cert)
        return cert, key

    def signed(self, name, authority, subject):
        cert, key, csr = (self.path(name + end) for end in (".pem", ".key", ".csr"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={subject}", "-keyout", key, "-out", csr)
        extensions = self.path("san")
        with open(extensions, "w", encoding="ascii") as f:
            f.write("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", csr, "-CA", authority[0], "-CAkey", authority[1],
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", cert)
        return cert, key
