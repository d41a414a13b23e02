(function () {
  "use strict";
  var form = document.getElementById("filter");
  if (!form) return;
  form.hidden = false;
  var items = Array.prototype.slice.call(document.querySelectorAll("article.item"));
  var sections = Array.prototype.slice.call(document.querySelectorAll("section.verdict"));
  var texts = null;
  function text(index) {
    // the words of an item are gathered when somebody first searches
    if (!texts) texts = items.map(function (one) {
      return one.querySelector("summary").textContent.toLowerCase();
    });
    return texts[index];
  }
  function apply() {
    var role = form.elements.role.value, clause = form.elements.clause.value;
    var words = form.elements.text.value.trim().toLowerCase();
    var verdicts = {};
    form.querySelectorAll("input[name=verdict]").forEach(function (box) {
      verdicts[box.value] = box.checked;
    });
    var shown = 0;
    items.forEach(function (one, index) {
      var fits = verdicts[one.dataset.v] && (!role || one.dataset.r === role) &&
        (!clause || one.dataset.c.split("|").indexOf(clause) >= 0) &&
        (!words || text(index).indexOf(words) >= 0);
      one.hidden = !fits;
      if (fits) shown += 1;
    });
    sections.forEach(function (one) {
      one.hidden = !one.querySelector("article.item:not([hidden])");
      if (!one.hidden && one.tagName === "DETAILS" && (role || clause || words)) one.open = true;
    });
    document.getElementById("shown").textContent = shown + " of " + items.length + " shown";
  }
  function reveal() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (var one = target; one; one = one.parentElement) {
      if (one.tagName === "DETAILS") one.open = true;
      if (one.hidden) one.hidden = false;
    }
    if (target) {
      var own = target.querySelector("details");
      if (own) own.open = true;
      target.scrollIntoView();
    }
  }
  form.addEventListener("input", apply);
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  window.addEventListener("hashchange", reveal);
  apply();
  reveal();
})();
