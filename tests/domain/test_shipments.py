from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.shipments import CaptureOnShipment, ShippedLine, due_by_shipment, share_out


def yen(minor):
    return Money(minor, Currency.JPY)


LINES = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 9), st.integers(0, 9)).map(
        lambda it: ShippedLine(yen(it[0]), it[1], min(it[1], it[2]))
    ),
    min_size=1,
    max_size=6,
)


class TestDueByShipment:
    def test_a_price_that_does_not_divide_is_whole_in_the_end(self):
        parts = [ShippedLine(yen(1000), 3, shipped).due.minor for shipped in range(4)]
        assert parts == [0, 333, 666, 1000]

    @given(LINES, st.integers(0, 1000), st.integers(-1000, 10**7), st.sampled_from(CaptureOnShipment))
    def test_never_more_than_the_order_and_never_less_than_nothing(self, lines, shipping, total, extent):
        due = due_by_shipment(lines, yen(shipping), yen(total), extent)
        assert 0 <= due.minor <= max(0, total)

    @given(LINES, st.integers(0, 1000))
    def test_more_shipped_is_never_less_due(self, lines, shipping):
        total = yen(sum(line.total.minor for line in lines) + shipping)
        seen = []
        for step in range(10):
            so_far = [ShippedLine(line.total, line.ordered, min(line.ordered, step)) for line in lines]
            seen.append(due_by_shipment(so_far, yen(shipping), total, CaptureOnShipment.LINES).minor)
        assert seen == sorted(seen)
        assert seen[-1] == total.minor


@given(st.integers(0, 10**6), st.lists(st.integers(-100, 10**6), max_size=5))
def test_what_is_shared_out_is_what_can_be_borne(rest, bearing):
    parts = share_out(yen(rest), [yen(one) for one in bearing])
    assert all(0 <= part.minor <= max(0, most) for part, most in zip(parts, bearing, strict=True))
    assert sum(part.minor for part in parts) == min(rest, sum(max(0, one) for one in bearing))
