// Buttons that do nothing else while they wait for the service.

/** Runs an action when a button is pressed, and shows its error. The button keeps the focus, as a disabled one would not. */
export function runOnClick(button, action, showError) {
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    try {
      showError("");
      await action();
    } catch (error) {
      showError(error.message);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}
