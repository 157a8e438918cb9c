"""Writes the page as a C header: its bytes, and the Content-Security-Policy that allows exactly the
one <style> and the one <script> in it.

    embed_page.py page.html OUTPUT
"""

import base64
import hashlib
import re
import sys


def only(tag, html):
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
    if len(found) != 1 or len(re.findall(rf"<{tag}[\s>]", html)) != 1:
        sys.exit(f"page: there must be one <{tag}> without attributes")
    return found[0]


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def c_lines(data):
    for i in range(0, len(data), 24):
        yield '\t"' + "".join(
            chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}"
            for b in data[i:i + 24]) + '"'


def main():
    source, output = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        html = f.read()
    for banned in (r"\son\w+=", r"\sstyle=", r"(src|href)=[\"']?(https?:)?//", r"@import", r"url\("):
        hit = re.search(banned, html)
        if hit:
            sys.exit(f"page: {hit.group(0).strip()!r} is not allowed by its own policy")
    csp = ("default-src 'none'; connect-src 'self'; img-src data:; "
           f"style-src {digest(only('style', html))}; script-src {digest(only('script', html))}; "
           "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    with open(output, "w", encoding="ascii") as f:
        f.write("#pragma once\n\n")
        f.write(f'static const char page_csp[] = "{csp}";\n\n')
        f.write("static const char page_html[] =\n")
        f.write("\n".join(c_lines(html.encode())) + ";\n")


main()
