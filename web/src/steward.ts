// Single keys on the stewards' pages: each button says its own. Never while typing, never twice for one press, and not in
// the first moment of a page, so that a key held too long does not decide the next pair. Can be switched off (WCAG 2.1.4).
// Without this script the same buttons are there, by Tab and by access key.

const STILL_MS = 350;
const STORED = "skein-keys";

const buttons = new Map<string, HTMLElement>();
for (const element of document.querySelectorAll<HTMLElement>("[data-key]")) {
  const key = element.dataset["key"];
  if (key && !buttons.has(key)) buttons.set(key, element);
}
const note = document.querySelector<HTMLTextAreaElement>("#note");
let on = read();
let opened = performance.now();

function read(): boolean {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function show(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-keys]")) element.hidden = !on;
  for (const element of document.querySelectorAll<HTMLElement>("[data-keys-off]")) element.hidden = on;
}

for (const element of document.querySelectorAll<HTMLElement>("[data-keys-switch]")) {
  element.addEventListener("click", () => {
    on = !on;
    try {
      localStorage.setItem(STORED, on ? "on" : "off");
    } catch {
      // It holds for this page then.
    }
    show();
    document.querySelector<HTMLElement>(on ? "[data-keys] [data-keys-switch]" : "[data-keys-off] [data-keys-switch]")?.focus();
  });
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === note) {
    note?.blur();
    return;
  }
  if (!on || event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (performance.now() - opened < STILL_MS) return;
  const key = event.key.toLowerCase();
  if (key === "w" && note) {
    event.preventDefault();
    note.focus();
    return;
  }
  const button = buttons.get(key);
  if (!button || (button instanceof HTMLButtonElement && button.disabled)) return;
  event.preventDefault();
  // One decision a page: the next key belongs to the next page, unless this one was not sent.
  opened = performance.now();
  button.click();
});

// Coming back by the browser's own button shows the page as it was: nothing may be sent from it unseen.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

document.querySelector<HTMLElement>("#problem")?.focus();
show();

export {};
