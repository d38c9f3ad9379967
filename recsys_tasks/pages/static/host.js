// Links of the class "host" lead out of the frame. Its sandbox forbids it to move the window around it, so the
// surrounding page, of the same origin, is asked to follow the link itself.
"use strict";
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a.host");
  if (!link || window.parent === window) return;
  try {
    const outside = window.parent.document.createElement("a");
    outside.href = link.href;
    event.preventDefault();
    outside.click();
  } catch {
    // a frame of another origin stays as it is, and the link opens here
  }
});
