// An open inbox that changes by itself: each notice that is new or changed comes from the server as it stands in the page,
// and takes its place. Without this script the page shows the notices of when it was opened, and a link to load it again.

import { follow, over, text } from "./live";

type Notice = {
  id: number;
  html?: string;
  urgent?: boolean;
  waiting: number;
  say?: string;
};

const list = document.querySelector<HTMLElement>("[data-inbox]");

function counted(waiting: number): void {
  text('[data-live="waiting"]', String(waiting));
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = waiting > 0 ? `(${waiting}) ${title}` : title;
}

function place(list: HTMLElement, notice: Notice): void {
  const known = document.getElementById(`notice-${notice.id}`);
  // Whoever is writing in a notice is not interrupted: it changes when they are done.
  if (known?.contains(document.activeElement) && document.activeElement?.matches("textarea, input, select")) return;
  const made = document.createElement("template");
  made.innerHTML = notice.html ?? "";
  const fresh = made.content.querySelector<HTMLElement>("[data-notice]");
  if (!fresh) return;
  const focused = known?.contains(document.activeElement) ?? false;
  fresh.classList.add("notice--fresh");
  if (known) {
    const open = known.querySelector("details")?.open ?? false;
    known.replaceWith(fresh);
    const details = fresh.querySelector("details");
    if (details && open) details.open = true;
  } else {
    const before = notice.urgent
      ? list.querySelector(".notice:not(.notice--passed)")
      : list.querySelector(".notice:not(.notice--passed):not(.notice--urgent)");
    list.insertBefore(fresh, before);
  }
  if (focused) fresh.querySelector<HTMLElement>("button")?.focus();
  setTimeout(() => fresh.classList.remove("notice--fresh"), 8_000);
  for (const empty of document.querySelectorAll<HTMLElement>("[data-empty]")) empty.hidden = true;
}

function run(list: HTMLElement, address: string): void {
  const events = follow(address, "New notices appear by themselves.");
  const read = (event: Event): Notice => JSON.parse((event as MessageEvent<string>).data) as Notice;
  events.addEventListener("notice", (event) => {
    const notice = read(event);
    place(list, notice);
    counted(notice.waiting);
    if (notice.say) text("[data-live-say]", notice.say);
  });
  events.addEventListener("gone", (event) => {
    const notice = read(event);
    const known = document.getElementById(`notice-${notice.id}`);
    const focused = known?.contains(document.activeElement) ?? false;
    known?.remove();
    counted(notice.waiting);
    if (focused) list.querySelector<HTMLElement>("button")?.focus();
    if (!list.querySelector("[data-notice]")) {
      for (const empty of document.querySelectorAll<HTMLElement>("[data-empty]")) empty.hidden = false;
    }
  });
  events.addEventListener("again", () => over("More has changed than can be shown one by one."));
}

if (list?.dataset.inbox && list.dataset.view === "waiting") run(list, list.dataset.inbox);
