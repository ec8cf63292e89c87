// What pages that change by themselves share: saying how it stands, in the places the page keeps for it.

export function text(selector: string, words: string): void {
  for (const element of document.querySelectorAll(selector)) element.textContent = words;
}

/** The page no longer changes by itself: say so, and why. */
export function over(words: string): void {
  text("[data-live-words]", words);
  for (const element of document.querySelectorAll<HTMLElement>("[data-live-over]")) element.hidden = false;
  text("[data-live-state]", "This page no longer changes by itself.");
}

/** Follow the server's events; `opened`: what to say while it does. Ends with the session, and with the page. */
export function follow(address: string, opened: string): EventSource {
  const events = new EventSource(address);
  events.addEventListener("open", () => text("[data-live-state]", opened));
  events.addEventListener("over", () => {
    events.close();
    over("You are signed out. Load the page again.");
  });
  events.addEventListener("behind", () => {
    events.close();
    over("What is shown here is not up to date any more. Load the page again.");
  });
  events.addEventListener("error", () => {
    // The browser connects again by itself, unless the server said no.
    if (events.readyState === EventSource.CLOSED) over("The server is not answering, or you are signed out.");
    else text("[data-live-state]", "Connecting again: this page may be out of date.");
  });
  window.addEventListener("pagehide", () => events.close());
  return events;
}
