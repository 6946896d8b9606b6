(** Radix selection finds the k-th largest of many keys, cut over ranks, by counting digits.

    Keys are natural numbers below [base ^ digits]. From the top digit on, each rank counts how
    often each digit occurs among its keys that begin with the digits found so far; the counts
    are added up over the ranks; the next digit is the largest that leaves at least k keys at or
    above it. What is sent over the ranks are [base] counts a digit, however many keys there are. *)
From mathcomp Require Import all_ssreflect.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Section Radix.
Variables (base : nat) (ranks : seq (seq nat)).
Hypothesis base_gt0 : 0 < base.
Notation keys := (flatten ranks).

(** One digit: [p] are the digits found so far, [level] how many remain after this one. *)
Definition digit_count level p x :=
  \sum_(own <- ranks) count (fun key => key %/ base ^ level == p * base + x) own.
Definition counts_from level p x := \sum_(x <= y < base) digit_count level p y.

(** The largest digit with enough keys at or above it; [above] are known to be larger already. *)
Fixpoint largest_digit k above level p x :=
  if x is x'.+1 then
    if k <= above + counts_from level p x then x else largest_digit k above level p x'
  else 0.

(** The state is (the digits found, the number of keys known to be larger). *)
Fixpoint radix k level (state : nat * nat) :=
  if level is level'.+1 then
    let: (p, above) := state in
    let x := largest_digit k above level' p base.-1 in
    radix k level' (p * base + x, above + counts_from level' p x.+1)
  else state.

(** What the numbers mean: of a key, [key %/ base ^ level] are its leading digits. *)
Definition as_large level n := count (fun key => n <= key %/ base ^ level) keys.

Lemma digit_countE level p x :
  digit_count level p x = count (fun key => key %/ base ^ level == p * base + x) keys.
Proof. by rewrite count_flatten sumnE big_map. Qed.

Lemma as_large_step level n :
  as_large level n = as_large level n.+1 + count (fun key => key %/ base ^ level == n) keys.
Proof.
rewrite /as_large; elim: keys => //= key s ->; rewrite leq_eqVlt (eq_sym n) addnACA.
by congr (_ + _); case: eqP => [-> | _]; rewrite ?ltnn ?addn0.
Qed.

Lemma as_large_counts level p x : x <= base ->
  as_large level (p * base + x) = as_large level (p * base + base) + counts_from level p x.
Proof.
move=> xb; rewrite -(subKn xb); move: (base - x) (leq_subr x base) => j.
elim: j => [|j IH] jb; first by rewrite subn0 /counts_from big_geq ?addn0.
have next : (base - j.+1).+1 = base - j by rewrite subnSK.
have below : base - j.+1 < base by rewrite next leq_subr.
rewrite as_large_step -addnS next (IH (ltnW jb)) /counts_from [in RHS]big_ltn // next.
by rewrite -digit_countE -addnA [in RHS](addnC (digit_count _ _ _)).
Qed.

Lemma as_large_up level p : as_large level.+1 p = as_large level (p * base).
Proof.
apply: eq_count => key /=.
by rewrite expnSr divnMA leq_divRL.
Qed.

Lemma largest_digitP k above level p top :
  let enough x := k <= above + counts_from level p x in
  let x := largest_digit k above level p top in
  enough 0 -> ~~ enough top.+1 -> [/\ x <= top, enough x & ~~ enough x.+1].
Proof.
elim: top => [|top IH] /= some less; first by [].
case: ifP => [// | /negbT few]; have [xt enough_x few_x] := IH some few.
by split=> //; apply: leqW.
Qed.

(** The invariant of the passes: what was found brackets the k-th largest key. *)
Definition brackets k level (state : nat * nat) :=
  let: (p, above) := state in
  [/\ above = as_large level p.+1, above < k & k <= as_large level p].

Lemma radix_step k level p above : brackets k level.+1 (p, above) ->
  let x := largest_digit k above level p base.-1 in
  brackets k level (p * base + x, above + counts_from level p x.+1).
Proof.
case=> aboveE few enough; rewrite as_large_up mulSn addnC in aboveE.
rewrite as_large_up -[p * base]addn0 in enough.
have [|| xb enough_x few_x] := @largest_digitP k above level p base.-1.
- by rewrite aboveE -as_large_counts.
- by rewrite prednK // /counts_from big_geq // addn0 -ltnNge.
have xb' : largest_digit k above level p base.-1 < base by rewrite -(prednK base_gt0) ltnS.
rewrite /brackets -addnS; split; last by rewrite (as_large_counts _ _ (ltnW xb')) -aboveE.
  by rewrite (as_large_counts _ _ xb') -aboveE.
by rewrite ltnNge.
Qed.

Lemma radix_brackets k level state : brackets k level state -> brackets k 0 (radix k level state).
Proof.
elim: level state => [|level IH] [p above] //= inv.
by apply: IH; apply: radix_step.
Qed.

(** The threshold t has fewer than k keys above it and at least k at or above it; and the number
    returned with it is that of the keys above, so that k minus it are the ties to keep. *)
Theorem radix_correct k digits : 0 < k -> k <= size keys ->
  all (fun key => key < base ^ digits) keys ->
  let: (t, above) := radix k digits (0, 0) in
  [/\ above = count (fun key => t < key) keys, above < k & k <= count (leq t) keys].
Proof.
move=> k0 kn /allP small; have := @radix_brackets k digits (0, 0).
case: (radix k digits (0, 0)) => t above; rewrite /brackets /as_large expn0.
have one P : count (fun key => P (key %/ 1)) keys = count P keys.
  by apply: eq_count => key /=; rewrite divn1.
rewrite !one => result; apply: result; split=> //.
rewrite (eq_in_count (a2 := pred0)) ?count_pred0 // => key /small /divn_small -> //.
Qed.
End Radix.

(** It runs: 6 is the third largest of these keys of two ranks, found in two digits of base 4. *)
Example radix_runs : radix 4 [:: [:: 1; 6; 9]; [:: 6; 2; 15]] 3 2 (0, 0) = (6, 2).
Proof. by rewrite /= /counts_from /digit_count unlock. Qed.
