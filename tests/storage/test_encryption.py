from __future__ import annotations

import pytest

from saleor_amazonpay.storage.encryption import SecretBox, SecretKeyTooShort, SecretUnreadable

OLD, NEW = "o" * 32, "n" * 32
PLACE = "accounts/private_key_sealed/acc_1"


class TestSealing:
    @pytest.mark.parametrize("plaintext", ["", "key", "秘密の鍵", "x" * 10_000])
    def test_opens_what_was_sealed(self, plaintext):
        box = SecretBox(NEW)
        assert box.open(box.seal(plaintext, context=PLACE), context=PLACE) == plaintext

    def test_the_same_text_never_gives_the_same_token(self):
        box = SecretBox(NEW)
        assert box.seal("key", context=PLACE) != box.seal("key", context=PLACE)

    def test_a_token_has_four_parts_and_shows_nothing_of_the_text(self):
        token = SecretBox(NEW).seal("secret text", context=PLACE)
        assert token.startswith("v1.")
        assert token.count(".") == 3
        assert "secret" not in token

    def test_another_process_with_the_same_key_opens_it(self):
        assert SecretBox(NEW).open(SecretBox(NEW).seal("key", context=PLACE), context=PLACE) == "key"


class TestBinding:
    @pytest.mark.parametrize(
        "elsewhere",
        ["accounts/private_key_sealed/acc_2", "accounts/token_sealed/acc_1", "other/private_key_sealed/acc_1", ""],
    )
    def test_does_not_open_in_another_place(self, elsewhere):
        box = SecretBox(NEW)
        with pytest.raises(SecretUnreadable, match="belongs to another row"):
            box.open(box.seal("key", context=PLACE), context=elsewhere)

    def test_does_not_open_when_any_character_was_changed(self):
        box = SecretBox(NEW)
        token = box.seal("key", context=PLACE)
        for index, character in enumerate(token):
            changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
            try:
                assert box.open(changed, context=PLACE) == "key"
                # The last character of base64 carries unused bits: other spelling, same bytes.
                assert index in {len(token) - 1, token.rindex(".") - 1}
            except SecretUnreadable:
                pass

    @pytest.mark.parametrize("token", ["", "v1", "v1.a.b", "plain text", "v1.a.b.c.d", "v1.....", "é"])
    def test_what_is_not_a_token_is_unreadable(self, token):
        with pytest.raises(SecretUnreadable):
            SecretBox(NEW).open(token, context=PLACE)

    def test_a_token_of_a_later_version_is_unreadable(self):
        box = SecretBox(NEW)
        with pytest.raises(SecretUnreadable, match="newer version"):
            box.open("v2" + box.seal("key", context=PLACE)[2:], context=PLACE)


class TestRotation:
    def test_previous_keys_still_open(self):
        token = SecretBox(OLD).seal("key", context=PLACE)
        assert SecretBox(NEW, [OLD]).open(token, context=PLACE) == "key"

    def test_only_tokens_of_previous_keys_need_rotation(self):
        box = SecretBox(NEW, [OLD])
        assert box.needs_rotation(SecretBox(OLD).seal("key", context=PLACE))
        assert not box.needs_rotation(box.seal("key", context=PLACE))

    def test_without_its_key_a_token_is_unreadable_and_the_error_names_only_the_place(self):
        token = SecretBox(OLD).seal("secret text", context=PLACE)
        with pytest.raises(SecretUnreadable) as caught:
            SecretBox(NEW).open(token, context=PLACE)
        assert PLACE in str(caught.value)
        assert "secret text" not in str(caught.value)
        assert token not in str(caught.value)


class TestKeys:
    @pytest.mark.parametrize("keys", [("short", []), (NEW, ["short"]), ("", [])])
    def test_a_short_key_is_refused_with_a_way_to_make_one(self, keys):
        with pytest.raises(SecretKeyTooShort, match="openssl rand"):
            SecretBox(*keys)

    def test_keys_are_not_in_the_repr(self):
        shown = repr(SecretBox(NEW, [OLD])) + repr(vars(SecretBox(NEW, [OLD])))
        assert NEW not in shown
        assert OLD not in shown
