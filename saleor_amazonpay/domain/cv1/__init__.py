"""Orders made with Amazon Pay's older API (CV1), as pure rules: ids, states, calls, limits.

An object made with CV1 is managed through CV2 under its own id, or nearly so. Two documents of Amazon say how, and
disagree in one point; both are here as tables. Source: amazon-pay-cv2.md §12 (S3: the FAQ, S4: the upgrade guide),
§13.2 (S1: the CV1 quick start).
"""
