import { controlFlowProblems } from './control-flow.ts';
import { maxVariables, type Operand, type Program } from './program.ts';

/** What is wrong with a program before it is lowered: unknown variables, labels, texts or slots, ways that lead nowhere. */
export function programProblems(program: Program): string[] {
  const problems: string[] = [];
  const labels = new Set<string>();
  for (const step of program.steps) {
    const name = step.step === 'label' || step.step === 'enter function' ? step.name : undefined;
    if (name === undefined) continue;
    if (labels.has(name)) problems.push(`label ${name} stands twice`);
    labels.add(name);
  }
  if (program.variables.length > maxVariables) problems.push(`more than ${maxVariables} variables`);
  const needVariable = (name: string): void => {
    if (!program.variables.includes(name)) problems.push(`no variable ${name}`);
  };
  const needOperand = (operand: Operand): void => {
    if (typeof operand === 'number') return;
    if ('variable' in operand) needVariable(operand.variable);
    else if ('text' in operand && !Object.hasOwn(program.texts, operand.text))
      problems.push(`no text ${operand.text}`);
    else if ('slot' in operand && !Object.hasOwn(program.slots, operand.slot))
      problems.push(`no slot ${operand.slot}`);
  };
  for (const step of program.steps) {
    if ('to' in step && !labels.has(step.to)) problems.push(`no label ${step.to}`);
    if ('variable' in step) needVariable(step.variable);
    if ('at' in step) needVariable(step.at);
    if ('into' in step) needVariable(step.into);
    if ('operand' in step) needOperand(step.operand);
    if ('operands' in step) step.operands.forEach(needOperand);
    if ('parameters' in step) step.parameters.forEach(needVariable);
  }
  return [...problems, ...controlFlowProblems(program.steps, program.startsWith !== undefined)];
}
