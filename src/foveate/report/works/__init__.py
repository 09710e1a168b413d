"""The results of a published work: tables beside the published ones (text, CSV, a page), and figures."""
