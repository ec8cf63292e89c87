// A window or a board that changes by itself: when the server says that something changed, the page reads itself again and
// what it lists takes the place of what was listed. Without this script it shows what was so when it was opened.

import { follow, over, text } from "./live";

const list = document.querySelector<HTMLElement>("[data-live-list]");

async function again(list: HTMLElement): Promise<void> {
  const answer = await fetch(window.location.href, { headers: { accept: "text/html" }, redirect: "error" });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector<HTMLElement>("[data-live-list]");
  if (!fresh || fresh.innerHTML === list.innerHTML) return;
  // Whoever stands on a link keeps their place.
  const here = document.activeElement;
  const address = here && list.contains(here) ? here.getAttribute("href") : null;
  list.replaceChildren(...fresh.childNodes);
  if (address) list.querySelector<HTMLElement>(`a[href="${CSS.escape(address)}"]`)?.focus();
  const tabs = page.querySelector("nav.parts");
  if (tabs) document.querySelector("nav.parts")?.replaceChildren(...tabs.childNodes);
  text("[data-live-say]", "The list has changed.");
}

function run(list: HTMLElement, address: string): void {
  const events = follow(address, "Changes appear by themselves.");
  let reading: Promise<void> = Promise.resolve();
  events.addEventListener("changed", () => {
    reading = reading.then(() => again(list)).catch(() => over("What changed could not be read. Load the page again."));
  });
}

if (list?.dataset.liveList) run(list, list.dataset.liveList);
