"""Keys are private, strong, and make pseudonyms that say nothing."""

from __future__ import annotations

import hashlib
import random
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.vault.keys import Vault, key_of_tool, own_keys
from echoatlas.pipeline.vault.pseudonyms import SiteKey, is_standard

KEY = SiteKey.of("st-elsewhere", random.Random(1).randbytes(32))
OTHER = SiteKey.of("qilu", random.Random(2).randbytes(32))
values = st.text(min_size=1, max_size=40)


def test_a_key_is_made_for_its_owner_alone(tmp_path):
    vault = Vault(tmp_path / "vault")

    made = vault.create("st-elsewhere")

    file = tmp_path / "vault/st-elsewhere.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert made == vault.load("st-elsewhere")


def test_a_second_key_of_the_same_name_is_refused(tmp_path):
    Vault(tmp_path).create("qilu")

    with pytest.raises(UsageError, match="already"):
        Vault(tmp_path).create("qilu")


def test_a_missing_key_names_the_nearest(tmp_path):
    Vault(tmp_path).create("st-elsewhere")

    with pytest.raises(UsageError, match="did you mean 'st-elsewhere'"):
        Vault(tmp_path).load("st-elswhere")


@pytest.mark.parametrize("name", ["../up", "A", "", "a/b", "x" * 64])
def test_a_name_cannot_lead_out_of_the_vault(tmp_path, name):
    with pytest.raises(UsageError, match="no name of a key"):
        Vault(tmp_path).load(name)


def test_a_key_that_others_may_read_is_refused(tmp_path):
    Vault(tmp_path).create("qilu")
    (tmp_path / "qilu.key").chmod(0o644)

    with pytest.raises(UsageError, match="chmod 600"):
        Vault(tmp_path).load("qilu")


@pytest.mark.parametrize(
    "secret",
    [b"", b"short", b"\0" * 32, bytes(range(32)), b"ab" * 16, b"correct horse battery staple 123"],
)
def test_weak_keys_are_refused(secret):
    with pytest.raises(UsageError, match="rand -hex 32"):
        SiteKey.of("qilu", secret)


def test_a_key_may_come_from_the_environment_or_a_mounted_file(tmp_path, monkeypatch):
    secret = random.Random(3).randbytes(32)
    monkeypatch.setenv("ECHOATLAS_KEY_ST_ELSEWHERE", secret.hex())
    mounted = tmp_path / "mounted"
    mounted.write_text(secret.hex())
    mounted.chmod(0o600)
    monkeypatch.setenv("ECHOATLAS_KEY_QILU_FILE", str(mounted))

    vault = Vault(tmp_path / "vault")

    assert secret == vault.load("st-elsewhere").secret == vault.load("qilu").secret
    assert vault.has("qilu") and not (tmp_path / "vault").exists()


def test_a_passphrase_in_the_environment_is_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOATLAS_KEY_QILU", "correct horse battery staple")

    with pytest.raises(UsageError, match="64 hex digits"):
        Vault(tmp_path).load("qilu")


def test_a_key_never_prints_its_secret():
    assert KEY.secret.hex() not in repr(KEY) + str(KEY)
    assert str(KEY.secret) not in repr(KEY)


@given(values)
def test_no_public_hash_of_an_id_matches_its_pseudonym(value):
    made = KEY.pseudonym("patient", value)

    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, value.encode("utf-8", "replace")).hexdigest()
        assert made not in digest and digest[:16] not in made
    assert value == made or len(value) < 8 or value not in made


@given(values)
def test_two_keys_and_two_kinds_cannot_be_linked(value):
    made = {
        KEY.pseudonym("patient", value),
        OTHER.pseudonym("patient", value),
        KEY.pseudonym("study", value),
    }

    assert len(made) == 3


@given(st.from_regex(r"[0-2](\.[1-9][0-9]{0,8}){1,6}", fullmatch=True))
def test_a_uid_is_mapped_to_a_valid_one_or_is_a_standard_one(original):
    made = KEY.uid(original)

    assert len(made) <= 64 and made.startswith("2.25.")
    assert made == KEY.uid(f"{original}\0")


def test_only_registered_uids_below_the_standards_root_stay():
    assert KEY.uid("1.2.840.10008.1.2.1") == "1.2.840.10008.1.2.1"
    assert KEY.uid("1.2.840.10008.74.97.110.101").startswith("2.25.")
    assert is_standard("1.2.840.10008.5.1.4.1.1.6.1")


@given(values)
def test_dates_move_by_30_to_3650_days_into_the_past(patient):
    assert -3650 <= KEY.date_shift_days(patient) <= -30


def test_another_process_makes_the_same_pseudonyms():
    code = (
        "import sys; from echoatlas.pipeline.vault.keys import SiteKey;"
        "k = SiteKey.of('x', bytes.fromhex(sys.argv[1]));"
        "print(k.pseudonym('patient', 'MRN1'), k.uid('1.2.3'), k.date_shift_days('MRN1'))"
    )

    told = subprocess.run(
        [sys.executable, "-c", code, KEY.secret.hex()], capture_output=True, text=True, check=True
    ).stdout.split()

    assert [
        KEY.pseudonym("patient", "MRN1"),
        KEY.uid("1.2.3"),
        str(KEY.date_shift_days("MRN1")),
    ] == told


def test_a_rotated_key_makes_all_new_and_the_old_one_makes_the_same_as_ever(tmp_path):
    vault = Vault(tmp_path / "vault")
    before = vault.create("qilu")
    (tmp_path / "vault/qilu.key").rename(tmp_path / "qilu-2026.key")

    after = vault.create("qilu")

    assert before.key_id != after.key_id
    assert before.pseudonym("patient", "mrn1") != after.pseudonym("patient", "mrn1")
    assert before.uid("1.2.3") != after.uid("1.2.3")
    kept = key_of_tool("qilu", tmp_path / "qilu-2026.key").key
    assert before == kept


def test_the_tools_key_is_the_named_file_then_the_environment_then_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = key_of_tool("qilu")
    again = key_of_tool("qilu")
    monkeypatch.setenv("ECHOATLAS_KEY_QILU", KEY.secret.hex())
    given = key_of_tool("qilu")
    named = key_of_tool("qilu", own.path)

    assert (own.new, again.new, given.new, named.new) == (True, False, False, False)
    assert own.key == again.key == named.key
    assert given.key.secret == KEY.secret and given.path is None
    assert own_keys() == tmp_path / "config/echoatlas/keys"
