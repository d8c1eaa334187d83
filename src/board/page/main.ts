/** What the page runs. */
import { Board } from './board.js';

new Board(document.getElementById('board')!);
