"""Finding text in pictures: detectors, the views they look at, and how they are put together."""
