// Read by Sphinx's search. Pages that mention everything come after the page that explains it.
var Scorer = {
  score: ([page, , , , score]) => (/CHANGELOG|CONTRIBUTING|README|architecture|coming-from|complaints|decisions|measurements|migrate-|rows|sequences/.test(page) ? score - 3 : score),

  // As Sphinx has them by default.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
