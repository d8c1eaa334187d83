import { expect, it } from 'vitest';
import { photoPage } from '../../src/report/photo-page.js';

it('a page of photos shows foreign text as text, and lets nothing run or load', () => {
  const evil = '<script>alert("x")</script>&\'';
  const html = photoPage(evil, [{ name: evil, picture: null, captions: [evil], error: evil }]);
  expect(html).not.toContain('<script');
  expect(html.match(/&lt;script&gt;alert\(&quot;x&quot;\)&lt;\/script&gt;&amp;&#39;/g)!.length).toBeGreaterThanOrEqual(
    4,
  );
  expect(html).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
});
