"""What a shop's pages ask the app itself, outside Saleor: a button before there is a checkout, and sign-in."""
