import init, * as app from "{script}";
await init({ module_or_path: "{wasm}" });
for (const island of document.querySelectorAll("leptos-island")) {
  island.closest("leptos-children")?.$$on_hydrate?.();
  app[island.dataset.component]?.(island);
}
