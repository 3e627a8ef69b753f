/** Ready-made code for one HTTP proxy address with its credentials inside. The address is inserted as a literal of each language. */
export interface Snippet {
  name: string;
  text: string;
}

const TARGET = "https://example.com";

export function snippets(url: string): Snippet[] {
  const literal = JSON.stringify(url);
  const { username, password, host } = new URL(url);
  const user = JSON.stringify(decodeURIComponent(username));
  const secret = JSON.stringify(decodeURIComponent(password));
  const server = JSON.stringify(`http://${host}`);
  return [
    { name: "curl", text: `curl --proxy '${url.replaceAll("'", "'\\''")}' ${TARGET}` },
    {
      name: "Python requests",
      text: `import requests\n\nproxy = ${literal}\nanswer = requests.get("${TARGET}", proxies={"http": proxy, "https": proxy})\nprint(answer.status_code)`,
    },
    {
      name: "Python httpx",
      text: `import httpx\n\nwith httpx.Client(proxy=${literal}) as client:\n    print(client.get("${TARGET}").status_code)`,
    },
    {
      name: "Python aiohttp",
      text: `import asyncio\nimport aiohttp\n\nasync def main():\n    async with aiohttp.ClientSession() as session:\n        async with session.get("${TARGET}", proxy=${literal}) as answer:\n            print(answer.status)\n\nasyncio.run(main())`,
    },
    {
      name: "Node",
      text: `import { ProxyAgent, fetch } from "undici";\n\nconst answer = await fetch("${TARGET}", { dispatcher: new ProxyAgent(${literal}) });\nconsole.log(answer.status);`,
    },
    {
      name: "Go",
      text: `package main\n\nimport (\n\t"fmt"\n\t"net/http"\n\t"net/url"\n)\n\nfunc main() {\n\tproxy, _ := url.Parse(${literal})\n\tclient := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}\n\tanswer, err := client.Get("${TARGET}")\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tfmt.Println(answer.Status)\n}`,
    },
    {
      name: "Playwright",
      text: `import { chromium } from "playwright";\n\nconst browser = await chromium.launch({\n  proxy: { server: ${server}, username: ${user}, password: ${secret} },\n});`,
    },
    { name: "Scrapy", text: `yield scrapy.Request("${TARGET}", meta={"proxy": ${literal}})` },
    { name: "Environment", text: `export http_proxy='${url}'\nexport https_proxy='${url}'` },
  ];
}
