// Builds web/dist: one stylesheet from src/viewer.scss, one script per island from src/*.ts.
import { build, transform } from "esbuild";
import { compile, NodePackageImporter } from "sass";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });

const sheet = compile("src/viewer.scss", {
  importers: [new NodePackageImporter()],
  loadPaths: ["node_modules"],
  // Deprecations inside the design system are its authors' to mend.
  quietDeps: true,
});
const { code } = await transform(sheet.css, { loader: "css", minify: true, target: ["chrome109", "firefox115", "safari15"] });
await writeFile("dist/viewer.css", code);
await copyFile("src/icon.svg", "dist/icon.svg");

await build({
  entryPoints: ["src/trend.ts", "src/progress.ts", "src/steward.ts", "src/inbox.ts", "src/list.ts", "src/form.ts"],
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  legalComments: "none",
});
