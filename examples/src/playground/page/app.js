// Builds the three panels and connects the buttons.

import { actions, revoke } from "./actions.js";
import { held } from "./server.js";
import * as view from "./view.js";
import { strategies } from "./words.js";

const panels = strategies.map((strategy) => {
  const panel = {
    strategy,
    base: `/${strategy.name}`,
    element: view.panel(strategy),
    held: null,
    copy: null,
    second: null,
    busy: false,
  };
  panel.element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.action) {
      act(panel, actions[button.dataset.action]);
    } else if (button?.dataset.session) {
      act(panel, () => revoke(panel, button.dataset.session));
    }
  });
  return panel;
});

/** Does one thing at a time: what a second click would show is not known yet. */
async function act(panel, action) {
  if (panel.busy) return;
  panel.busy = true;
  panel.element.ariaBusy = "true";
  try {
    const outcome = await action(panel);
    view.happened(panel.element, outcome);
    await look(panel);
  } finally {
    panel.busy = false;
    panel.element.ariaBusy = "false";
  }
}

/** Shows what the browser holds now, or that nobody knows: then what was known stays. */
async function look(panel) {
  const now = await held(panel.base);
  panel.held = now ?? panel.held;
  view.held(panel.element, panel.held, panel.strategy);
  view.doubt(panel.element, now === null);
}

const lookAll = () => Promise.all(panels.map(look));

document.querySelector("#panels").append(...panels.map((panel) => panel.element));
lookAll();
setInterval(() => panels.forEach((panel) => view.tick(panel.element, panel.held)), 250);

// Another tab may have logged in or out, and a page restored by the browser may be out of date.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && lookAll());
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const panel of panels) {
    panel.held = null;
    view.forget(panel.element);
  }
  lookAll();
});
