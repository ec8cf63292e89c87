// Forms for plans: questions that other answers leave out are hidden while they are, and come back with what was typed. The
// errors of a form that was sent are read first. Without this script every question is shown, with the words when it is asked.

interface Condition {
  q: string;
  op: string;
  v: string;
}

interface When {
  all: boolean;
  of: Condition[];
}

const form = document.querySelector<HTMLFormElement>("form[data-writing]");

/** What is answered now, as conditions compare it; nothing of a question that is not asked. */
function answers(link: string): string[] {
  if (!form) return [];
  const name = `a.${link}`;
  const question = form.querySelector<HTMLElement>(`[data-question="${CSS.escape(name)}"]`);
  if (!question || question.closest("[hidden]")) return [];
  const part = (end: string) => form.querySelector<HTMLInputElement>(`[name="${CSS.escape(`${name}.${end}`)}"]`)?.value.trim() ?? "";
  const [day, month, year] = [part("day"), part("month"), part("year")];
  if (day && month && year) return [`${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`];
  return new FormData(form).getAll(name).map((value) => String(value).trim()).filter((value) => value !== "");
}

/** Days as days, numbers as numbers; null: they cannot be compared. */
function compare(one: string, other: string): number | null {
  const days = /^\d{4}-\d{2}-\d{2}$/;
  if (days.test(one) && days.test(other)) return one < other ? -1 : one > other ? 1 : 0;
  const [a, b] = [Number(one), Number(other)];
  return one === "" || Number.isNaN(a) || Number.isNaN(b) ? null : Math.sign(a - b);
}

function holds({ q, op, v }: Condition): boolean {
  const given = answers(q);
  const any = (fits: (order: number) => boolean) =>
    given.some((one) => {
      const order = compare(one, v);
      return order !== null && fits(order);
    });
  switch (op) {
    case "exists":
      return (given.length > 0) === (v === "true");
    case "=":
      return given.includes(v) || any((order) => order === 0);
    case "!=":
      return given.length > 0 && !given.includes(v);
    case ">":
      return any((order) => order > 0);
    case "<":
      return any((order) => order < 0);
    case ">=":
      return any((order) => order >= 0);
    default:
      return any((order) => order <= 0);
  }
}

/** In the order of the page: a question rests on those before it. */
function show(): void {
  for (const element of form?.querySelectorAll<HTMLElement>("[data-when]") ?? []) {
    const when = JSON.parse(element.dataset["when"] ?? "{}") as When;
    const asked = when.all ? when.of.every(holds) : when.of.some(holds);
    // One that an error names stays, so that the link to it leads somewhere.
    element.hidden = !asked && !element.classList.contains("nhsuk-form-group--error");
  }
}

if (form) {
  form.classList.add("writing--live");
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
}
document.querySelector<HTMLElement>("[data-focus]")?.focus();
