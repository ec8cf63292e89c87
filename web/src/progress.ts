// Live progress on the status page: fetches the page's own small JSON and rewrites the numbers in place. Without this
// script the page shows the numbers of when it was opened, and a link to load it again.

type Progress = { head: number; applied: number; done: number | null; total: number | null; words: string };

const INTERVAL_MS = 2_000;

function set(name: string, text: string): void {
  for (const element of document.querySelectorAll(`[data-live="${name}"]`)) {
    if (element.textContent !== text) element.textContent = text;
  }
}

async function refresh(): Promise<boolean> {
  const answer = await fetch("/status/progress", { headers: { accept: "application/json" }, redirect: "error" });
  if (!answer.ok) return false;
  const now = (await answer.json()) as Progress;
  const count = new Intl.NumberFormat("en-GB");
  set("head", count.format(now.head));
  set("applied", count.format(now.applied));
  set("words", now.words);
  for (const bar of document.querySelectorAll<HTMLProgressElement>("progress[data-live-bar]")) {
    if (now.total === null || now.done === null) {
      bar.closest("[data-live-loading]")?.remove();
    } else {
      bar.max = Math.max(now.total, 1);
      bar.value = now.done;
    }
  }
  return true;
}

async function run(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    if (document.visibilityState === "hidden") continue;
    try {
      if (!(await refresh())) return;
    } catch {
      set("words", "The server is not answering. Load the page again.");
      return;
    }
  }
}

void run();

export {};
