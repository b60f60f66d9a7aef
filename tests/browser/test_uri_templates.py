"""The explorer fills URI templates as RFC 6570 says."""

from typing import Any

from playwright.async_api import Page

VALUES: dict[str, Any] = {
    "var": "value", "hello": "Hello World!", "half": "50%", "empty": "", "path": "/foo/bar", "x": "1024", "y": "768", "base": "http://a/b/",
    "list": ["red", "green", "blue"], "keys": {"semi": ";", "dot": ".", "comma": ","}, "none": [],
}  # fmt: skip
# Examples of every operator of RFC 6570, section 3.2.
EXPANSIONS = {
    "{var}": "value",
    "{hello}": "Hello%20World%21",
    "{half}": "50%25",
    "O{empty}X": "OX",
    "O{undef}X": "OX",
    "{x,y}": "1024,768",
    "?{x,empty}": "?1024,",
    "{var:3}": "val",
    "{list}": "red,green,blue",
    "{list*}": "red,green,blue",
    "{keys}": "semi,%3B,dot,.,comma,%2C",
    "{keys*}": "semi=%3B,dot=.,comma=%2C",
    "{+hello}": "Hello%20World!",
    "{+half}": "50%25",
    "{base}index": "http%3A%2F%2Fa%2Fb%2Findex",
    "{+base}index": "http://a/b/index",
    "{+path:6}/here": "/foo/b/here",
    "{#path,x}/here": "#/foo/bar,1024/here",
    "X{.var}": "X.value",
    "X{.list*}": "X.red.green.blue",
    "{/var,x}/here": "/value/1024/here",
    "{/list*,path:4}": "/red/green/blue/%2Ffoo",
    "{;x,y,empty}": ";x=1024;y=768;empty",
    "{;keys*}": ";semi=%3B;dot=.;comma=%2C",
    "{?x,y}": "?x=1024&y=768",
    "{?x,y,empty}": "?x=1024&y=768&empty=",
    "{?list*}": "?list=red&list=green&list=blue",
    "{?none,undef}": "",
    "?fixed=yes{&x}": "?fixed=yes&x=1024",
    "{&list*}": "&list=red&list=green&list=blue",
}


async def test_templates_give_the_addresses_of_the_standard(page: Page) -> None:
    """Every operator, modifier and kind of value."""
    await page.goto("/v1/explorer/index.html")
    script = await page.locator("script[src]").get_attribute("src")
    module = f"/v1/explorer/{str(script).replace('explorer.js', 'template.js')}"
    expanded = await page.evaluate(
        """async ([module, templates, values]) => {
            const { expand } = await import(module);
            return Object.fromEntries(templates.map((template) => [template, expand(template, values)]));
        }""",
        [module, list(EXPANSIONS), VALUES],
    )
    assert expanded == EXPANSIONS
