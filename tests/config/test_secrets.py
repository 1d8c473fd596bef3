"""Secrets: found where the reference says, refused when unusable, and never shown."""

import base64
import copy
import json
import pickle
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook

from daemon.config.secrets import Secret, check_api_key, check_webhook_secret, every_secret, fill, put_into, resolve

TEXT = "hunter2-hunter2"


def test_a_secret_is_not_shown() -> None:
    secret = Secret(TEXT)
    assert secret.reveal() == TEXT
    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), f"{secret!r:>20}"):
        assert TEXT not in shown


def test_a_secret_cannot_be_encoded() -> None:
    secret = Secret(TEXT)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError, match="does not leave the process"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    with pytest.raises(TypeError):
        vars(secret)


def test_secrets_are_compared_by_their_text() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret("ü") != Secret("u")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("other")}) == 2


def test_a_reference_is_followed(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"{TEXT}\r\n")
    env = {"KEY": f"{TEXT}\n", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    for reference in ("${env:KEY}", "${credential:hook}", f"${{file:{tmp_path / 'hook'}}}"):
        assert resolve(reference, env) == Secret(TEXT)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${env:GONE}", "environment variable GONE is not set"),
        ("${env:EMPTY}", "environment variable EMPTY is empty"),
        ("${env:A-B}", "takes the name of an environment variable"),
        ("${credential:gone}", "/gone: No such file or directory"),
        ("${credential:../gone}", "takes the name of a credential, not a path"),
        ("${credential:..}", "takes the name of a credential, not a path"),
        ("${credential:empty}", "/empty is empty"),
        ("${credential:binary}", "/binary does not hold UTF-8 text"),
        ("${credential:folder}", "/folder: Is a directory"),
        ("${credential:a\0b}", "does not hold UTF-8 text"),
        ("${file:gone}", r"the path in a \$\{file:/path\} reference must be absolute"),
        ("${file:/nonexistent/gone}", "cannot read /nonexistent/gone: No such file or directory"),
    ],
)
def test_a_reference_that_leads_nowhere(tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=message) as caught:
        resolve(reference, {"EMPTY": "\n", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert caught.value.__cause__ is None


def test_credentials_of_a_folder_that_systemd_has_loaded_as_a_whole(tmp_path: Path) -> None:
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "callwarden_hook").write_text("of the folder\n")
    assert resolve("${credential:hook}", env).reveal() == "of the folder"
    (tmp_path / "hook").write_text("by itself\n")
    assert resolve("${credential:hook}", env).reveal() == "by itself"
    with pytest.raises(ValueError, match=rf"cannot read {tmp_path}/missing: No such file"):
        resolve("${credential:missing}", env)


def test_a_credential_without_systemd() -> None:
    with pytest.raises(ValueError, match=r"CREDENTIALS_DIRECTORY is not set.*LoadCredential=hook"):
        resolve("${credential:hook}", {})


@pytest.mark.parametrize("literal", [TEXT, "", "$KEY", "${KEY}", "${vault:x}", "${env:}", f"x${{env:{TEXT}}}"])
def test_a_literal_is_refused_and_not_repeated(literal: str) -> None:
    with pytest.raises(ValueError, match=r'never written here itself.*"\$\{env:NAME\}"') as caught:
        resolve(literal, {"KEY": TEXT})
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "naïve", "tab\t"])
def test_an_api_key_fits_in_a_header(text: str) -> None:
    with pytest.raises(ValueError, match="copy it again") as caught:
        check_api_key(Secret(text))
    assert text not in str(caught.value)


def test_a_usable_api_key() -> None:
    assert check_api_key(Secret(TEXT)) == Secret(TEXT)


@pytest.mark.parametrize("size", [24, 25, 26, 32, 64])
@pytest.mark.parametrize("padded", [True, False])
def test_a_webhook_secret_is_accepted(size: int, padded: bool) -> None:
    text = "whsec_" + base64.b64encode(b"\xfb" * size).decode()
    secret = Secret(text if padded else text.rstrip("="))
    assert check_webhook_secret(secret) is secret
    # What is accepted here must also be a key to the library that verifies with it.
    Webhook(secret.reveal())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT, 'starts with "whsec_"'),
        ("WHSEC_" + "QUJD" * 8, 'starts with "whsec_"'),
        ("whpk_" + "QUJD" * 8, "asymmetric key .* not supported"),
        ("whsk_" + "QUJD" * 8, "asymmetric key .* not supported"),
        ("whsec_", "24 to 64 bytes; this one holds 0"),
        ("whsec_" + "QUJD" * 7, "24 to 64 bytes; this one holds 21"),
        ("whsec_" + "QUJD" * 22, "24 to 64 bytes; this one holds 66"),
        ("whsec_" + "QUJD" * 8 + "Q", "not base64"),
        ("whsec_" + "QUJD" * 8 + "=", "not base64"),
        ("whsec_" + "QUJD" * 8 + "QQ=", "not base64"),
        ("whsec_" + "QUJD" * 8 + "QQ===", "not base64"),
        ("whsec_" + "QU-_" * 8, "not base64"),
        ("whsec_" + "QUJD" * 8 + " ", "not base64"),
        ("whsec_" + "QUJD" * 4 + "\n" + "QUJD" * 4, "not base64"),
        ("whsec_" + "QÜJD" * 8, "not base64"),
    ],
)
def test_no_webhook_secret(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        check_webhook_secret(Secret(text))
    assert text not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_within_a_text_is_one_by_itself() -> None:
    filled = fill("Bearer ${env:KEY} of ${env:SHOP}", {"KEY": TEXT, "SHOP": "7"})
    assert filled == Secret(f"Bearer {TEXT} of 7")
    assert [secret.reveal() for secret in every_secret({"Authorization": filled})] == [f"Bearer {TEXT} of 7", TEXT, "7"]
    assert put_into([filled, Secret("application/json")]) == (TEXT,)
