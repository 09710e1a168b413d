// Sort the rows of the table by the clicked heading; a second click reverses the order.
document.querySelectorAll("#arms th button").forEach((button, column) => {
  button.addEventListener("click", () => {
    const heading = button.parentElement, body = heading.closest("table").tBodies[0];
    const up = heading.getAttribute("aria-sort") !== "ascending";
    const key = row => row.cells[column].dataset.by;
    const compare = (a, b) => column ? key(a) - key(b) : key(a).localeCompare(key(b));
    const rows = [...body.rows].sort((a, b) => up ? compare(a, b) : compare(b, a));
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
});
