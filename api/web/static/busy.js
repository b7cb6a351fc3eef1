// Buttons that ignore clicks while they wait for the service.

/** Runs an action once at a time. The button is not disabled, so it keeps the focus. */
export async function runOnce(button, action) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    await action();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Runs an action when a button is pressed, and shows its error. */
export function runOnClick(button, action, showError) {
  const show = async () => {
    try {
      showError("");
      await action();
    } catch (error) {
      showError(error.message);
    }
  };
  button.addEventListener("click", () => runOnce(button, show));
}
