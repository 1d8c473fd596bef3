// Keeps a page of the console up to date. Every page works without it.
//
// The server renders; here its parts ([data-part]) are asked for again when something happens in calls, or after a
// while, and put in place of what differs. Nothing is built from text that came over the wire but by the parser of the
// browser, out of HTML of ours.
"use strict";
(() => {
  const line = document.getElementById("line");
  const said = document.getElementById("said");
  const now = () => performance.now() / 1000;

  // What is announced to those who listen: the latest, not too often.
  let announced = -Infinity;
  let waiting = 0;
  function announce(text) {
    clearTimeout(waiting);
    waiting = setTimeout(() => { announced = now(); said.textContent = text; }, Math.max(0, announced + 4 - now()) * 1000);
  }

  // Make one element like another, keeping what is the same, so that focus, selection and open details stay.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    morphInside(old, fresh);
  }
  function morphInside(old, fresh) {
    const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let place = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      let mine = child.id ? known.get(child.id) : place;
      if (mine && mine === place) place = place.nextSibling;
      else if (mine) old.insertBefore(mine, place);
      if (!mine || mine.nodeType !== child.nodeType || mine.nodeName !== child.nodeName || (mine.id || "") !== (child.id || "")) {
        if (mine && mine.id && mine.id !== child.id) { place = mine; mine = null; }
        const copy = document.importNode(child, true);
        if (mine) mine.replaceWith(copy); else old.insertBefore(copy, place);
      } else if (child.nodeType === Node.ELEMENT_NODE) morph(mine, child);
      else if (mine.data !== child.data) mine.data = child.data;
    }
    while (place) { const gone = place; place = place.nextSibling; gone.remove(); }
  }

  // Parts of the page, each with its own pace.
  class Part {
    constructor(element) {
      this.element = element;
      this.name = element.dataset.part;
      this.every = Number(element.dataset.every || 0);
      this.poll = Number(element.dataset.poll || 0);
      this.last = now();
      this.timer = 0;
      this.busy = false;
      this.over = false;
    }
    soon() {
      if (!this.every || this.timer || this.busy || this.over || document.hidden) { this.stale = true; return; }
      const spread = 0.9 + 0.2 * Math.random();
      this.timer = setTimeout(() => this.load(), Math.max(0.05, this.last + this.every * spread - now()) * 1000);
    }
    tick() {
      if (this.poll && !this.busy && !this.timer && !this.over && now() > this.last + this.poll) this.load();
    }
    async load() {
      this.timer = 0;
      this.last = now();
      this.busy = true;
      this.stale = false;
      try {
        const address = new URL(location.href);
        address.hash = "";
        address.searchParams.delete("note");
        address.searchParams.set("part", this.name);
        const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
        if (answer.status === 401) { location.assign("/login"); return; }
        if (answer.status === 404) { this.over = true; return; }
        if (!answer.ok) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
        const chosen = getSelection();
        if (chosen && !chosen.isCollapsed && this.element.contains(chosen.anchorNode)) return;
        const end = innerHeight + scrollY >= document.body.scrollHeight - 60;
        morphInside(this.element, fresh);
        tickAges();
        if (end && this.name === "talk") scrollTo({ top: document.body.scrollHeight });
      } catch {
        // The next try comes by itself; that there is no connection is said below.
      } finally {
        this.busy = false;
        if (this.stale) this.soon();
      }
    }
  }
  const parts = [...document.querySelectorAll("[data-part]")].map((element) => new Part(element));

  // Durations go on by themselves.
  const ages = new WeakMap();
  function tickAges() {
    for (const element of document.querySelectorAll("[data-age]")) {
      let age = ages.get(element);
      if (!age || age.text !== element.dataset.age) {
        age = { text: element.dataset.age, since: now() - Number(element.dataset.age) };
        ages.set(element, age);
      }
      const whole = Math.max(0, Math.floor(now() - age.since));
      if (whole >= 172800) continue;
      const two = (number) => String(number).padStart(2, "0");
      const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
      const text = hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
      if (element.textContent !== text) element.textContent = text;
    }
  }

  // What happens in calls. Only while the page is seen: a browser has six connections to us for all of its tabs.
  const KINDS = (document.body.dataset.kinds || "").split(" ").filter(Boolean);
  const address = document.body.dataset.follow;
  let source = null;
  function follow() {
    if (!address || source || document.hidden) return;
    source = new EventSource(address);
    const one = address.includes("call=");
    const soon = () => parts.forEach((part) => part.soon());
    source.onopen = () => { line.textContent = "Live"; line.className = "line on"; soon(); };
    source.onerror = ({ target }) => {
      line.textContent = target.readyState === EventSource.CLOSED ? "Not connected: reload the page" : "Connecting again …";
      line.className = "line off";
    };
    source.addEventListener("lost", (event) => {
      const { lost } = JSON.parse(event.data);
      line.textContent = `Live; this page was too slow for ${lost} event${lost === 1 ? "" : "s"}`;
      soon();
    });
    for (const kind of KINDS) source.addEventListener(kind, soon);
    source.addEventListener("Claimed", () => announce("A call came in"));
    source.addEventListener("Ended", () => announce(one ? "The call has ended" : "A call has ended"));
  }
  function unfollow() {
    if (source) source.close();
    source = null;
  }

  line.textContent = "";
  follow();
  addEventListener("pagehide", unfollow);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  setInterval(() => {
    if (document.hidden) return;
    parts.forEach((part) => part.tick());
    tickAges();
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { unfollow(); return; }
    follow();
    parts.forEach((part) => { if (!part.busy && !part.over) part.load(); });
  });
})();
