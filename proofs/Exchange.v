(** Exchanges of one kept entry for another: they end; where they end is stationary; and how far
    from the best that can be is bounded from below. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Projection Descent.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** [value A] is the least loss on the support A. *)
Section Ends.
Variables (R : realDomainType) (I : finType) (value : {set I} -> R).
Implicit Types A B : {set I}.
Definition swap A i j := j |: (A :\ i).
Definition exchange_of A B := [exists i in A, exists j in ~: A, B == swap A i j].
Definition better : rel {set I} := fun A B => value B < value A.
Definition improves : rel {set I} := fun A B => exchange_of A B && better A B.
Definition swap_optimal A := forall i j, i \in A -> j \notin A -> value A <= value (swap A i j).

Lemma better_trans : transitive better.
Proof. by move=> B A C; rewrite /better => AB BC; apply: lt_trans AB. Qed.

(** A run that improves at each exchange sees no support twice, so it has fewer exchanges than there
    are supports: it ends. *)
Theorem exchanges_end A run : path improves A run -> (size run < #|{set I}|)%N.
Proof.
move=> steps; have sorted : path better A run by apply: sub_path steps => B C /andP[].
have : uniq (A :: run) by apply: (sorted_uniq better_trans) => // B; rewrite /better ltxx.
by move/card_uniqP; rewrite /= => <-; apply: max_card.
Qed.

Lemma swap_size A B : exchange_of A B -> #|B| = #|A|.
Proof.
case/exists_inP => i iA /exists_inP[j]; rewrite inE => jA /eqP ->.
rewrite cardsU1 !inE negb_and negbK jA orbT add1n (cardsD1 i A) iA; by [].
Qed.

(** It keeps the count, and ends where no exchange improves. *)
Theorem exchanges_reach A : exists run,
  [/\ path improves A run, #|last A run| = #|A| & swap_optimal (last A run)].
Proof.
have [m] := ubnP #|[set B | better A B]|; elim: m A => // m IH A less.
have [/existsP[B /andP[swp lt]] | /existsPn none] := boolP [exists B, improves A B].
  have [|run [steps count best]] := IH B; last first.
    by exists (B :: run); rewrite /= /improves swp lt count (swap_size swp).
  apply: leq_trans (_ : (#|[set C | better A C]| <= m)%N); last by rewrite -ltnS.
  apply: proper_card; apply/properP; split.
    by apply/subsetP => C; rewrite !inE; apply: better_trans.
  by exists B; rewrite !inE // /better ltxx.
exists [::]; split=> // i j iA jA; rewrite leNgt; apply/negP => lt.
have /negP[] := none (swap A i j); apply/andP; split=> //.
by apply/exists_inP; exists i => //; apply/exists_inP; exists j; rewrite ?inE.
Qed.
End Ends.

(** A point that no exchange improves is stationary: x is a fixed point of x - g / l projected,
    for any l at least the smoothness beta. *)
Section Stationary.
Variables (R : realFieldType) (I : finType).
Notation W := {ffun I -> R^o}.
Notation ip := (coordinates R I).
Variables (f : W -> R) (grad : W -> W) (beta l : R).
Hypothesis beta_gt0 : 0 < beta.
Hypothesis beta_le : beta <= l.
Hypothesis upper : bounded_above ip beta f grad.
Variables (A : {set I}) (x : W).
Hypothesis outside : forall i, i \notin A -> x i = 0.
Hypothesis refitted : forall i, i \in A -> grad x i = 0.

(** x with entry i moved to place j, at any height t; the code's refit is at least as good. *)
Definition exchanged i j t : W := [ffun m => if m == i then 0 else if m == j then t else x m].
Hypothesis optimal : forall i j t, i \in A -> j \notin A -> f x <= f (exchanged i j t).

Lemma exchanged_move i j t : i \in A -> j \notin A -> exchanged i j t - x =
  [ffun m => if m == i then - x i else if m == j then t else 0].
Proof.
move=> iA jA; apply/ffunP => m; rewrite !ffunE; case: eqP => [-> | _]; first by rewrite sub0r.
by case: eqP => [-> | _]; rewrite ?(outside jA) ?subr0 ?subrr.
Qed.

Lemma two_terms (h : I -> R) i j (a b : R) : i != j ->
  \sum_m h m * (if m == i then a else if m == j then b else 0) = h i * a + h j * b.
Proof.
move=> ij; have ji : j != i by rewrite eq_sym.
rewrite (bigD1 i) //= eqxx (bigD1 j) //= (negbTE ji) eqxx big1 ?addr0 // => m.
by move=> /andP[/negbTE -> /negbTE ->]; rewrite mulr0.
Qed.

(** The gradient off the support is at most beta times the least entry on it. *)
Theorem exchange_gradient i j : i \in A -> j \notin A -> (grad x j) ^+ 2 <= (beta * x i) ^+ 2.
Proof.
move=> iA jA; have ij : i != j by apply: contraNneq jA => <-.
have := optimal (- (grad x j / beta)) iA jA.
move=> /le_trans/(_ (upper x _)); rewrite exchanged_move //.
set d := [ffun m => _].
have -> : dot ip (grad x) d = - ((grad x j) ^+ 2 / beta).
  rewrite /= /product (eq_bigr (fun m => grad x m *
    (if m == i then - x i else if m == j then - (grad x j / beta) else 0))); last first.
    by move=> m _; rewrite /d ffunE.
  by rewrite two_terms // refitted // mul0r add0r mulrN mulrA -expr2.
have -> : sq ip d = x i ^+ 2 + (grad x j) ^+ 2 / beta ^+ 2.
  rewrite sq_coordinates (eq_bigr (fun m => 1 *
    (if m == i then x i ^+ 2 else if m == j then (grad x j) ^+ 2 / beta ^+ 2 else 0))); last first.
    by move=> m _; rewrite /d ffunE mul1r; do 2?case: ifP => _; rewrite ?sqrrN ?expr0n // expr_div_n.
  by rewrite two_terms // !mul1r.
move: (f x) (x i) (grad x j) => F X G /slack h; have b20 : 0 <= 2 * beta by rewrite ltW ?mulr_gt0 ?ltr0n.
by rewrite -subr_ge0; apply: slack1 (mulr_ge0 b20 h) _; field; rewrite ?gt_eqF ?ltr0n.
Qed.

(** So x is what projecting its gradient step gives, and with theorem 1 a nearest point to it. *)
Let v : W := x - l^-1 *: grad x.

Lemma step_on i : i \in A -> v i = x i.
Proof. by move=> iA; rewrite /v !ffunE refitted // scaler0 subr0. Qed.

Theorem exchange_stationary : kept A v = x /\ top (fun _ => tt) (fun i => v i ^+ 2) A.
Proof.
have l0 : 0 < l := lt_le_trans beta_gt0 beta_le.
split=> [|i j _ iA jA].
  apply/ffunP => i; rewrite ffunE /keep; have [iA | iA] := boolP (i \in A); first exact: step_on.
  by rewrite outside.
rewrite (step_on iA) /v !ffunE (outside jA) sub0r sqrrN /= exprMn -(ler_pmul2l (_ : 0 < l ^+ 2)).
  rewrite mulrA -exprMn mulfV ?gt_eqF // expr1n mul1r; apply: le_trans (exchange_gradient iA jA) _.
  by rewrite exprMn ler_wpmul2r ?sqr_ge0 // ler_sqr ?nnegrE // ltW.
by rewrite exprn_gt0.
Qed.

Corollary exchange_nearest k (y : W) : #|A| = k -> feasible (fun _ => tt) (fun _ => k) y ->
  sq ip (v - x) <= sq ip (v - y).
Proof.
move=> count feas; have [xE best] := exchange_stationary; rewrite -{1}xE.
apply: kept_projection best feas => t; rewrite /fibre -count.
have one (B : {set I}) : [set i in B | tt == t] = B by apply/setP => i; rewrite !inE; case: t; rewrite andbT.
by rewrite !one cardsT; apply/esym/minn_idPl; apply: max_card.
Qed.
End Stationary.

(** The perspective relaxation, with a ridge, is below the loss of every k-sparse point; and so is
    the number that its dual gives at any point, whether or not it was solved. *)
Section Relaxation.
Variables (R : realFieldType) (I : finType).
Notation W := {ffun I -> R^o}.
Variables (fit : W -> R) (ridge : R) (k : nat).
Hypothesis ridge_gt0 : 0 < ridge.
Definition ridged (x : W) : R := fit x + ridge / 2 * \sum_i x i ^+ 2.
Definition sparse (x : W) := (#|supp x| <= k)%N.

(** Where z i = 0 also x i must be, so that x i ^+ 2 / z i, 0 / 0 = 0, is its limit. *)
Definition relaxed (x z : W) := [/\ forall i, 0 <= z i <= 1, \sum_i z i <= k%:R &
  forall i, z i = 0 -> x i = 0].
Definition perspective (x z : W) : R := fit x + ridge / 2 * \sum_i x i ^+ 2 / z i.

Theorem relaxation_below bound : (forall x z, relaxed x z -> bound <= perspective x z) ->
  forall x, sparse x -> bound <= ridged x.
Proof.
move=> below x few; pose z : W := [ffun i => (x i != 0)%:R].
have -> : ridged x = perspective x z.
  rewrite /ridged /perspective; congr (_ + _ * _); apply: eq_bigr => i _; rewrite ffunE.
  by case: eqP => [-> | _]; rewrite ?expr0n ?mul0r // divr1.
apply: below; split=> [i | | i].
- by rewrite ffunE; case: (x i != 0); rewrite ?ler01 ?lexx.
- rewrite (eq_bigr (fun i => (x i != 0)%:R)); last by move=> i _; rewrite ffunE.
  rewrite -natr_sum ler_nat; apply: leq_trans few; rewrite /supp cardsE -sum1_card.
  rewrite [X in (_ <= X)%N]big_mkcond; apply: leq_sum => i _; rewrite unfold_in.
  by case: (x i != 0).
by rewrite ffunE; case: eqP => // _ /eqP; rewrite oner_eq0.
Qed.

(** From a plane below the fit, with slope c: each kept entry can lower it by c i ^+ 2 / (2 ridge)
    at most, so the k largest c i ^+ 2 (those of a mask A) give a bound. *)
Theorem dual_below (level : R) (c : W) (A : {set I}) :
  (forall x : W, level + \sum_i c i * x i <= fit x) ->
  #|A| = minn k #|I| -> (forall i j, i \in A -> j \notin A -> c j ^+ 2 <= c i ^+ 2) ->
  forall x : W, sparse x -> level - (\sum_(i in A) c i ^+ 2) / (2 * ridge) <= ridged x.
Proof.
move=> plane count best x few; apply: le_trans (_ : level - (\sum_(i in supp x) c i ^+ 2) / (2 * ridge) <= _).
  rewrite ler_add2l ler_opp2 ler_pmul2r ?invr_gt0 ?mulr_gt0 ?ltr0n //.
  apply: (@exchange _ _ (fun i => c i ^+ 2)) => [i | | i j iA _]; first exact: sqr_ge0.
    by rewrite count leq_min [(_ <= k)%N]few max_card.
  exact: best.
apply: le_trans (_ : level + \sum_i (c i * x i + ridge / 2 * x i ^+ 2) <= _); last first.
  by rewrite big_split /= addrA -mulr_sumr ler_add2r.
rewrite ler_add2l [X in _ <= X](bigID (mem (supp x))) /= [X in _ <= _ + X]big1 ?addr0 => [|i]; last first.
  by rewrite inE negbK => /eqP ->; rewrite expr0n !mulr0 addr0.
rewrite mulr_suml -sumrN; apply: ler_sum => i _.
have r20 : 0 <= (2 * ridge)^-1 by rewrite invr_ge0 mulr_ge0 ?ler0n // ltW.
rewrite -subr_ge0; apply: slack1 (mulr_ge0 r20 (sqr_ge0 (ridge * x i + c i))) _.
move: (x i : R) (c i : R) => X C; field; rewrite ?gt_eqF ?ltr0n //.
Qed.
End Relaxation.
