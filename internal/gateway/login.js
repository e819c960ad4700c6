"use strict";
(() => {
  const say = text => { document.querySelector("p").textContent = text; };
  const key = /^#k=([0-9a-f]{64})$/.exec(location.hash);
  const comeBack = () => location.hash ? location.reload() : location.replace(location.href);
  if (location.hash.startsWith("#k=")) history.replaceState(null, "", location.href.split("#")[0]);
  if (key) {
    say("One moment.");
    fetch("/.berth/login", {
      method: "POST",
      redirect: "manual",
      headers: {"Content-Type": "application/x-www-form-urlencoded"},
      body: "k=" + key[1] + "&to=" + encodeURIComponent(location.pathname + location.search),
    }).then(answer => answer.type === "opaqueredirect" ? comeBack() : answer.text().then(say))
      .catch(() => say("berth does not answer. Is the sandbox still there?"));
    return;
  }
  if (document.documentElement.dataset.again !== "yes") return;
  const times = JSON.parse(sessionStorage.getItem("berth-again") || "[]").filter(time => Math.abs(Date.now() - time) < 10000);
  if (times.length > 5) return;
  sessionStorage.setItem("berth-again", JSON.stringify([...times, Date.now()]));
  say("One moment.");
  comeBack();
})();
