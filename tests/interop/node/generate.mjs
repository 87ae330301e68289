// node generate.mjs DIRECTORY GROUP: writes the cases of this group under DIRECTORY.
const [root, group] = process.argv.slice(2);
const { generate } = await import(`./groups/${group}.mjs`);
await generate(root);
