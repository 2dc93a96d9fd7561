"""How the text detector's network is made: grounds, words on them, the network, its training."""
