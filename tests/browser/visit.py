"""A browser window that is watched."""

# Elements and attributes that no page of the program has.
FOREIGN = (
    "script:not([src='/assets/page.js']), style, iframe, object, embed, img:not([src^='/assets/']), svg svg, math, meta[http-equiv], "
    "base, a[href^='javascript' i], [onload], [onerror], [onmouseover], [onfocus], [onclick], [autofocus], [style]:not([style=''])"
)


class Visit:
    """A browser window that complains about whatever no page may do."""

    def __init__(self, browser, url, **context):
        self.url = url.rstrip("/")
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.faults = []
        self.page.on("console", lambda said: self.note(said.type in ("error", "warning"), f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.note(True, f"script: {error}"))
        self.page.on("request", lambda asked: self.note(not asked.url.startswith(self.url), f"request: {asked.url}"))

    def note(self, is_fault, text):
        # a browser says in its console that a page was answered with 404, which is what is asked for here
        if is_fault and "404 (Not Found)" not in text:
            self.faults.append(text)

    def go(self, path):
        answer = self.page.goto(self.url + path)
        self.sound()
        return answer

    def sound(self):
        assert not self.faults, self.faults
        alive = self.page.evaluate(f"[...document.querySelectorAll({FOREIGN!r})].map(one => one.outerHTML)")
        assert self.page.title() != "1" and not alive, f"markup of a source came to life: {alive}"

    def close(self):
        self.sound()
        self.context.close()
