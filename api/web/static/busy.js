// Buttons that are disabled while they wait for the service.

/** Runs an action when a button is pressed, which is disabled meanwhile, and shows its error. */
export function runOnClick(button, action, showError) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      showError("");
      await action();
    } catch (error) {
      showError(error.message);
    } finally {
      button.disabled = false;
    }
  });
}
