/** Text as the content of XML, such as labels in an SVG. */
import {visibleText} from '../errors.js';

/** Control characters, which XML cannot hold, are shown as escapes. */
export function escapeXml(text: string): string {
  return visibleText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
