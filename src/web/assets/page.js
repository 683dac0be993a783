"use strict";
// Renews a live page every half minute while somebody looks at it and types nothing. Everything works without it.
(() => {
  if (!document.body.hasAttribute("data-live")) return;
  const isBusy = () => {
    const main = document.getElementById("main");
    return main.contains(document.activeElement) && document.activeElement !== main;
  };
  setInterval(async () => {
    if (document.visibilityState !== "visible" || isBusy() || document.querySelector("details[open]")) return;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok || isBusy()) return;
      const renewed = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (renewed) document.getElementById("main").replaceChildren(...renewed.childNodes);
    } catch {
      // the service is restarting: the next time will do
    }
  }, 30000);
})();
