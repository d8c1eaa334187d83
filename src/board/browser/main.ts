/** What the page runs. */
import './style.css';
import { Board } from './board.js';

new Board(document.getElementById('board')!);
