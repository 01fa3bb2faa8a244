import {spawn} from 'node:child_process';
import {once} from 'node:events';
import test from 'ava';
import {listenForInterrupt} from '../../src/train/interrupt.js';

test.serial('the first signal raises the flag and gives the terminal back', t => {
  const told: string[] = [];
  const listeners = process.listenerCount('SIGTERM');
  const interrupt = listenForInterrupt(signal => told.push(signal));
  t.is(interrupt.exitCode(), undefined);
  t.is(process.listenerCount('SIGTERM'), listeners + 1);
  process.emit('SIGTERM', 'SIGTERM');
  t.true(interrupt.signal.aborted);
  t.is(interrupt.exitCode(), 143);
  t.deepEqual(told, ['SIGTERM']);
  t.is(process.listenerCount('SIGTERM'), listeners);
  t.is(process.listenerCount('SIGINT'), 0);
});

test.serial('a run that ends in peace leaves no listener', t => {
  const interrupt = listenForInterrupt();
  interrupt.stop();
  t.is(process.listenerCount('SIGINT'), 0);
  t.false(interrupt.signal.aborted);
});

test.serial('a second signal ends the process at once, even one that never yields', async t => {
  const module = new URL('../../src/train/interrupt.js', import.meta.url).href;
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import {listenForInterrupt} from ${JSON.stringify(module)};
       listenForInterrupt(() => { console.log('saving'); setTimeout(() => { for (;;); }, 1); });
       setInterval(() => {}, 1000);
       console.log('ready');`,
    ],
    {stdio: ['ignore', 'pipe', 'inherit']},
  );
  const exit = once(child, 'exit');
  for await (const chunk of child.stdout) {
    const text = String(chunk);
    if (text.includes('ready')) child.kill('SIGINT');
    if (text.includes('saving')) setTimeout(() => child.kill('SIGINT'), 100);
  }
  const [, signal] = await exit;
  t.is(signal, 'SIGINT');
});
