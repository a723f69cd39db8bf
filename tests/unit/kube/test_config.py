"""Which server and which credential a kubeconfig or a Pod's mounts mean."""

import base64
import ssl
from pathlib import Path

import pytest

from controlplane.kube.config import ClusterConfig, ConfigError, from_kubeconfig, in_cluster, ssl_context


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


KUBECONFIG = f"""
apiVersion: v1
kind: Config
current-context: by-token
clusters:
- name: one
  cluster: {{server: "https://one:6443/", certificate-authority-data: {b64("CA")}, tls-server-name: api.one}}
- name: files
  cluster: {{server: "https://files", certificate-authority: ca.pem, insecure-skip-tls-verify: true, proxy-url: "http://p:1"}}
- name: nowhere
  cluster: {{server: ""}}
contexts:
- {{name: by-token, context: {{cluster: one, user: token, namespace: team}}}}
- {{name: by-cert, context: {{cluster: files, user: cert}}}}
- {{name: by-file, context: {{cluster: files, user: file}}}}
- {{name: by-password, context: {{cluster: one, user: password}}}}
- {{name: nobody, context: {{cluster: one, user: missing}}}}
- {{name: bad-data, context: {{cluster: one, user: bad-data}}}}
- {{name: no-server, context: {{cluster: nowhere, user: token}}}}
users:
- {{name: token, user: {{token: hunter2}}}}
- {{name: cert, user: {{client-certificate-data: {b64("CERT")}, client-key: key.pem}}}}
- {{name: file, user: {{tokenFile: token.txt}}}}
- {{name: password, user: {{username: u, password: hunter2}}}}
- {{name: bad-data, user: {{client-certificate-data: "%%%"}}}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("CA in a file")
    (tmp_path / "key.pem").write_text("KEY")
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    return path


def test_the_current_context_with_a_token(kubeconfig: Path) -> None:
    config = from_kubeconfig(kubeconfig)
    assert config == ClusterConfig(
        "https://one:6443", ca=b"CA", token="hunter2", namespace="team", server_name="api.one"
    )
    assert "hunter2" not in repr(config)


def test_files_stand_beside_the_kubeconfig(kubeconfig: Path) -> None:
    config = from_kubeconfig(str(kubeconfig), "by-cert")
    assert (config.ca, config.client_cert, config.client_key) == (b"CA in a file", b"CERT", b"KEY")
    assert (config.namespace, config.insecure, config.proxy) == ("default", True, "http://p:1")
    assert from_kubeconfig(kubeconfig, "by-file").token_file == kubeconfig.parent / "token.txt"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("by-password", "'username' is not supported"),
        ("nobody", "has no user 'missing'"),
        ("other", "has no context 'other'"),
        ("bad-data", "not base64"),
        ("no-server", "no usable server"),
    ],
)
def test_what_cannot_be_used_is_named_without_credentials(kubeconfig: Path, context: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        from_kubeconfig(kubeconfig, context)
    assert str(kubeconfig) in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not YAML"), ("[]", "not a kubeconfig"), ("{}", "no current-context")]
)
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        from_kubeconfig(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        from_kubeconfig(tmp_path / "missing")


def test_an_entry_with_a_program_asks_it_for_the_token(tmp_path: Path) -> None:
    program = tmp_path / "login"
    credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t-9"}}'
    program.write_text(f"#!/bin/sh\necho '{credential}'\n")
    program.chmod(0o700)
    path = tmp_path / "config"
    path.write_text(
        f"""{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: k, user: u}}}}],
        clusters: [{{name: k, cluster: {{server: "https://k"}}}}],
        users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {program},
        interactiveMode: Never}}}}}}]}}"""
    )
    config = from_kubeconfig(path)
    assert config.server == "https://k"
    assert config.token_source is not None
    assert config.token_source() == "t-9"


def test_in_a_pod(tmp_path: Path) -> None:
    for name, text in (("token", "t"), ("ca.crt", "CA"), ("namespace", "controlplane-system\n")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    config = in_cluster(tmp_path, environ)
    assert config == ClusterConfig(
        "https://[fd00::1]:6443", ca=b"CA", token_file=tmp_path / "token", namespace="controlplane-system"
    )
    with pytest.raises(ConfigError, match="not in a pod"):
        in_cluster(tmp_path, {})


def test_the_tls_side() -> None:
    assert ssl_context(ClusterConfig("http://x")) is None
    context = ssl_context(ClusterConfig("https://x"))
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    trusting = ssl_context(ClusterConfig("https://x", insecure=True))
    assert trusting is not None
    assert trusting.verify_mode is ssl.CERT_NONE
    with pytest.raises(ConfigError, match="cannot be used"):
        ssl_context(ClusterConfig("https://x", client_cert=b"not PEM", client_key=b"hunter2"))
    with pytest.raises(ConfigError, match="cannot be used"):
        ssl_context(ClusterConfig("https://x", ca=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
