"""The guide as web pages, for the panel."""

import html
import re
from collections.abc import Iterator

from kws_live.guide import TOPICS, page, title

INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\*(?P<stressed>[^*]+)\*"
    r"|\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)"
)


def guide_pages() -> dict[str, str]:
    """Return the HTML of each path below the panel's address; ``guide/`` lists the topics."""
    contents = "\n".join(f'<li><a href="{topic}">{_inline(title(topic))}</a></li>' for topic in TOPICS)
    pages = {"guide/": _document("Guide", f"<h2>Guide</h2>\n<ul>\n{contents}\n</ul>")}
    for topic in TOPICS:
        pages[f"guide/{topic}"] = _document(title(topic), to_html(page(topic)))
    return pages


def _document(name: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(name)} - kws-live</title>\n"
        '<link rel="icon" href="../icon.svg">\n<link rel="stylesheet" href="../panel.css">\n</head>\n'
        '<body>\n<header><h1>kws-live</h1><p><a href="./">Guide</a> · <a href="../">Panel</a></p></header>\n'
        f'<main><section><article class="card guide">\n{body}\n</article></section></main>\n</body>\n</html>\n'
    )


def to_html(markdown: str) -> str:
    """Convert the subset of Markdown used in the guide: headings, paragraphs, lists, tables and fenced code."""
    return "\n".join(_blocks(markdown.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    while lines:
        if not lines[0].strip():
            lines = lines[1:]
        elif lines[0].startswith("```"):
            end = lines.index("```", 1)
            file = html.escape(lines[0].partition(" ")[2])
            caption = f"<figcaption>{file}</figcaption>" if file else ""
            yield f"<figure>{caption}<pre><code>{html.escape(chr(10).join(lines[1:end]))}</code></pre></figure>"
            lines = lines[end + 1 :]
        elif heading := re.match(r"(#+) (.*)", lines[0]):
            level = len(heading[1]) + 1  # the page's h1 is the program's name
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
            lines = lines[1:]
        else:
            n = next((i for i, line in enumerate(lines) if not line.strip() or line.startswith("```")), len(lines))
            yield _text(lines[:n])
            lines = lines[n:]


def _text(lines: list[str]) -> str:
    if lines[0].startswith("|"):
        rows = [[_inline(cell.strip()) for cell in line.strip("|").split("|")] for line in lines if "|---" not in line]
        made = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
        made[0] = made[0].replace("td>", "th>")
        return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in made) + "\n</table>"
    if lines[0].startswith("- "):
        items = re.split(r"\n(?=- )", "\n".join(lines))
        return "<ul>\n" + "\n".join(f"<li>{_inline(item[2:])}</li>" for item in items) + "\n</ul>"
    return f"<p>{_inline(chr(10).join(lines))}</p>"


def _inline(text: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found["code"]:
            return f"<code>{found['code']}</code>"
        if found["bold"]:
            return f"<strong>{found['bold']}</strong>"
        if found["stressed"]:
            return f"<em>{found['stressed']}</em>"
        return f'<a href="{found["target"].removesuffix(".md")}">{found["text"]}</a>'

    return INLINE.sub(replaced, html.escape(text))
