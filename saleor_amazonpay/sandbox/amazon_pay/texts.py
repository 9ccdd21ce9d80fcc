"""What the hosted pages say, in English and Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ENGLISH: Final = {
    "product": "Amazon Pay",
    "simulator": "Simulator",
    "disclaimer": "A simulator for tests. Not Amazon, no real money.",
    "sign_in": "Sign in",
    "sign_in_for": "to continue to",
    "shares": "The shop will receive",
    "choose_buyer": "Who is buying?",
    "no_password": "These are test buyers; there is no password.",
    "continue": "Continue",
    "cancel": "Cancel and return",
    "another_buyer": "Sign in as someone else",
    "signed_in_as": "Signed in as",
    "choose": "Choose how to pay",
    "change_address": "Change the shipping address",
    "change_payment": "Change the payment method",
    "shipping_address": "Shipping address",
    "unreached": "The shop does not deliver here.",
    "reaches_none": "The shop delivers to none of these addresses.",
    "payment_method": "Payment method",
    "review": "Review and pay",
    "pay_to": "Payment to",
    "amount": "Total",
    "recurring": "Repeats",
    "reference": "Order",
    "note": "Note",
    "other_card": "Use another payment method",
    "pay_now": "Pay now",
    "agree": "Agree",
    "declined": "This payment method was declined. Please choose another one.",
    "problem": "This cannot continue",
    "back": "Back to the shop",
    "card_good": "Works",
    "card_3064": "The buyer cancels",
    "card_3434": "Is declined",
    "card_0701": "Decided after 30 seconds: authorized",
    "card_4354": "Decided after 30 seconds: declined",
    "card_3220": "Saved wallet: the buyer confirms each charge",
    "confirm": "Confirm the payment",
    "confirm_now": "It is me: confirm",
    "every_one": "every {unit}",
    "every": "every {value} {unit}s",
    "varying": "varying dates",
    "unit_Year": "year",
    "unit_Month": "month",
    "unit_Week": "week",
    "unit_Day": "day",
}
_JAPANESE: Final = {
    "product": "Amazon Pay",
    "simulator": "シミュレーター",
    "disclaimer": "テスト用です。実際の請求はありません。",
    "sign_in": "ログイン",
    "sign_in_for": "ご利用先：",  # noqa: RUF001 - Japanese
    "shares": "販売事業者に提供される情報",
    "choose_buyer": "購入者を選択してください",
    "no_password": "テスト用の購入者のため、パスワードは不要です。",
    "continue": "次へ進む",
    "cancel": "キャンセルして戻る",
    "another_buyer": "別の購入者でログイン",
    "signed_in_as": "ログイン中：",  # noqa: RUF001 - Japanese
    "choose": "お届け先・お支払い方法の選択",
    "change_address": "お届け先の変更",
    "change_payment": "お支払い方法の変更",
    "shipping_address": "お届け先",
    "unreached": "この住所には配送できません。",
    "reaches_none": "配送できる住所がありません。",
    "payment_method": "お支払い方法",
    "review": "ご注文内容の確認",
    "pay_to": "お支払い先：",  # noqa: RUF001 - Japanese
    "amount": "合計金額",
    "recurring": "定期支払い",
    "reference": "注文番号",
    "note": "備考",
    "other_card": "別のお支払い方法を使う",
    "pay_now": "今すぐ支払う",
    "agree": "同意する",
    "declined": "このお支払い方法は承認されませんでした。別のお支払い方法を選択してください。",
    "problem": "手続きを続けられません",
    "back": "ショップに戻る",
    "card_good": "成功",
    "card_3064": "購入者がキャンセル",
    "card_3434": "承認されない",
    "card_0701": "30秒後に承認",
    "card_4354": "30秒後に拒否",
    "card_3220": "保存済み：請求のたびに購入者が確認",  # noqa: RUF001 - Japanese
    "confirm": "お支払いの確認",
    "confirm_now": "本人確認して続ける",
    "every_one": "{value}{unit}ごと",
    "every": "{value}{unit}ごと",
    "varying": "不定期",
    "unit_Year": "年",
    "unit_Month": "か月",
    "unit_Week": "週間",
    "unit_Day": "日",
}
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {"en": _ENGLISH, "ja": _JAPANESE}
LANGUAGE_NAMES: Final[Mapping[str, str]] = {"en": "English", "ja": "日本語"}


def language_of(checkout_language: str | None) -> str:
    """``ja_JP`` is Japanese; every other of Amazon's languages reads English here."""
    return "ja" if (checkout_language or "").lower().startswith("ja") else "en"
