// What a model does on the rows that it is judged on.

const ERRORS = { regression: "mean error", multilabel: "share of wrong labels" };

function judged(inspection, task, importance) {
  const part = inspection.part === "rows" ? "these" : `the ${inspection.part}`;
  const several = inspection.numbers?.length > 1;
  if (inspection.classes) classesSection(inspection, task, part);
  for (const [i, numbers] of (inspection.numbers || []).entries())
    numbersSection(
      `target-${i}`,
      several ? `Predictions of ${numbers.name}` : "Predictions",
      numbers,
      inspection.rows,
      part,
    );
  importanceSection(importance);
  dependenceSection(inspection.dependence || [], task);
  // Over several targets, errors are in the deviations of each.
  const what = several ? "mean error in deviations" : ERRORS[task] || "share of wrong rows";
  errorsSection(inspection.by_column || [], what);
  worstSection(inspection.worst || [], task, several);
  filtersSection(inspection.filters);
}
