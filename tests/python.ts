/** The python to compare with: FEDX_PYTHON, else python3; null, with a printed reason, where it has no torchvision. */
export async function pythonWithTorchvision(): Promise<string | null> {
  const python = Deno.env.get("FEDX_PYTHON") ?? "python3";
  const [stdout, stderr] = ["null", "null"] as const;
  const command = new Deno.Command(python, { args: ["-c", "import torchvision"], stdout, stderr });
  if (await command.output().then(({ success }) => success, () => false)) return python;
  console.log(`not compared: ${python} has no torchvision; name a python that has it in FEDX_PYTHON`);
  return null;
}
