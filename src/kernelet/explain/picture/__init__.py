"""The page that explains what a network makes of one picture.

`page` puts it together; `layer_view` makes the pictures of maps and filters, `cell_data` what the
page computes single numbers from.
"""
