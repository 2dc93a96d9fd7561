"""Everything but tissue made black: text is looked for, blacked out, and looked for again."""
