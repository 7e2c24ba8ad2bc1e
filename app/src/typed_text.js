const typedKey = "frappe-live:typed:" + location.pathname;
const typedFields = () =>
  [...document.querySelectorAll("input, textarea, select")].filter(
    (field) => !["password", "hidden", "file", "submit", "reset", "button", "image"].includes(field.type),
  );
// A field is the same one after the reload when its name and its place among those of that name are.
const typedNames = (fields) => {
  const seen = {};
  return fields.map((field) => {
    const name = `${field.form?.action ?? ""} ${field.name || field.id || field.tagName}`;
    seen[name] = (seen[name] ?? 0) + 1;
    return `${name} ${seen[name]}`;
  });
};
const isTick = (field) => field.type === "checkbox" || field.type === "radio";
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-reload]")) return;
  const fields = typedFields();
  const names = typedNames(fields);
  const typed = fields.map((field, index) => [names[index], isTick(field) ? field.checked : field.value]);
  const focused = names[fields.indexOf(document.activeElement)];
  try {
    sessionStorage.setItem(typedKey, JSON.stringify({ typed, focused, top: scrollY }));
  } catch {
    // No storage here, or none left: then nothing can be kept, and the page is reloaded all the same.
  }
  location.reload();
});
try {
  const kept = JSON.parse(sessionStorage.getItem(typedKey));
  sessionStorage.removeItem(typedKey);
  if (kept) {
    const fields = typedFields();
    const names = typedNames(fields);
    for (const [name, value] of kept.typed) {
      const field = fields[names.indexOf(name)];
      const key = field && (isTick(field) ? "checked" : "value");
      if (!field || field[key] === value) continue;
      field[key] = value;
      for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));
    }
    fields[names.indexOf(kept.focused)]?.focus({ preventScroll: true });
    scrollTo(0, kept.top);
  }
} catch {
  // What cannot be read is forgotten.
}
